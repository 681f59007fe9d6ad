// SPDX-License-Identifier: Apache-2.0
// What is known of a sender, as a sentence.
import { t } from "../lang/messages.ts";
import type { Proof } from "./proof.ts";

export function proofText(proof: Proof): string {
  switch (proof.kind) {
    case "proven":
      return t("read.proven", { domain: proof.domain, by: proof.by });
    case "via":
      return t("read.sentVia", { domain: proof.domain, via: proof.via });
    case "failed":
      return t("read.proofFailed", { domain: proof.domain });
    case "unproven":
      return t("read.unproven", { domain: proof.domain });
  }
}
