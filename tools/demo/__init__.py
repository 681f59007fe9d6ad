# SPDX-License-Identifier: Apache-2.0
"""A private Heronry with a demo domain: what tools/run starts for people and the tests for themselves."""
