import { expect, test } from "vitest";
import { compileNamespaces } from "../channels/compile-namespaces.ts";
import { checkConfig } from "../config.ts";
import { Subscription } from "../subscription/subscription.ts";
import { takePlace } from "./kept-place.ts";

async function subscriptionTo(channel: string, state: "opening" | "active"): Promise<Subscription> {
  const checked = checkConfig({});
  if (!checked.ok) throw new Error(checked.problems.join());
  const compiled = await compileNamespaces(checked.config.channels);
  const lookup = compiled.ok ? compiled.table.find(channel) : undefined;
  if (lookup?.ok !== true) throw new Error("no namespace");
  const subscription = new Subscription({ channel, namespace: lookup.namespace, isServerSide: false });
  subscription.state = state;
  subscription.presentAs = "c1";
  return subscription;
}

test("[HND8] what is being opened when the socket is lost is not kept: its end takes it out of presence", async () => {
  const [open, opening] = [await subscriptionTo("open", "active"), await subscriptionTo("opening", "opening")];
  const subscriptions = new Map([open, opening].map((each) => [each.channel, each]));
  const place = takePlace({ subscriptions }, { client: "c1", user: "ann" });
  expect(place.subscriptions.map(({ channel }) => channel)).toEqual(["open"]);
  expect([open.presentAs, opening.presentAs]).toEqual([undefined, "c1"]);
});
