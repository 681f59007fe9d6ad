// SPDX-License-Identifier: Apache-2.0
// Tenants: the acts on them and on the domains that are in one.
import { api, ok, type Schema } from "@heronry/web-kit/api/client.ts";
import { asProblem } from "@heronry/web-kit/api/problem.ts";
import { allOf } from "@heronry/web-kit/lists/pages.svelte.ts";

export type Tenant = Schema<"Tenant">;

/** All domains of a tenant. */
export async function domainsOf(tenant: string): Promise<string[]> {
  const found = await allOf((cursor) => ok(api.GET("/admin/domains", { params: { query: { tenant, limit: 200, ...(cursor ? { cursor } : {}) } } })));
  return found.map((one) => one.name);
}

/** A domain as the server calls it; null when it is none of its own. */
export async function domainNamed(domain: string): Promise<string | null> {
  try {
    return (await ok(api.GET("/admin/domains/{domain}", { params: { path: { domain } } }))).name;
  } catch (thrown) {
    const { status } = asProblem(thrown);
    if (status === 404 || status === 400) return null;
    throw thrown;
  }
}

/** Puts a domain into a tenant, or into none. */
export async function put(domain: string, tenant: string | null): Promise<void> {
  await ok(api.PATCH("/admin/domains/{domain}", { params: { path: { domain } }, body: { tenant } }));
}
