import type { HooksConfig } from "@belay/protocol/control";
import { expect, test } from "vitest";
import { checkConfig } from "../config.ts";

test("[HOK1] the whole of hooks, and its defaults", () => {
  const hooks: HooksConfig = {
    connect: { url: "http://shop:8080/hooks/connect?x=1", headers: ["Cookie", "X-Tenant"] },
    secretFile: "/secret",
    caFile: "/ca",
  };
  const rule = {
    url: "http://shop:8080/hooks/connect?x=1",
    timeoutMs: 1000,
    concurrency: 64,
    maxWaiting: 1024,
    maxResponseBytes: 65_536,
    headers: ["cookie", "x-tenant"],
    encoding: "json",
  };
  expect(checkConfig({ hooks })).toMatchObject({
    ok: true,
    config: { hooks: { connect: rule, secretFile: "/secret", caFile: "/ca" } },
  });
  expect(checkConfig({})).toMatchObject({ ok: true, config: { hooks: {} } });
});

test("[HOK1] everything that is wrong is said at once", () => {
  const hooks = {
    connect: { url: "ftp://shop" },
    refresh: { url: "https://me:secret@shop/" },
    publish: { url: "http://shop", timeoutMs: 0, headers: ["Host", "a b", "Belay-Signature"], encoding: "xml" },
    subscribe: {},
    shout: { url: "http://shop" },
  };
  const checked = checkConfig({ hooks: hooks as unknown as HooksConfig });
  expect(checked.ok ? [] : checked.problems.map((problem) => problem.replace(/, was: .*/, ""))).toEqual([
    "hooks.connect.url must be an http or https URL without a user",
    "hooks.refresh.url must be an http or https URL without a user",
    "hooks.subscribe.url must be an http or https URL without a user",
    "hooks.publish.timeoutMs must be an integer from 10 to 30000",
    "hooks.publish.headers.0 must be the name of a header that a client may set, such as Cookie",
    "hooks.publish.headers.1 must be the name of a header that a client may set, such as Cookie",
    "hooks.publish.headers.2 must be the name of a header that a client may set, such as Cookie",
    "hooks.publish.encoding must be json or binary",
    "hooks.shout must be a known key",
  ]);
});
