import { expect, test } from "vitest";
import { chartValues, withChatImage } from "./deploy.ts";

test("the chart gets repository and tag of the operator apart, the other images whole", () => {
  const images = {
    gateway: "belay.local/gateway:a",
    nextGateway: "-",
    operator: "belay.local:5000/operator:b",
    chat: "-",
    redis: "redis:7",
  };
  expect(chartValues(images).filter((value) => value !== "--set")).toEqual([
    "replicas=2",
    "image.repository=belay.local:5000/operator",
    "image.tag=b",
    "gatewayImage=belay.local/gateway:a",
    "redisImage=redis:7",
  ]);
});

test.each([["belay.local/chat"], ["belay.local/chat:dev"], ["belay.local/chat:0.1.0-rc_1"]])(
  "%s becomes the image that was built",
  (written) => {
    expect(withChatImage(`image: ${written}\nname: chat\n`, "belay.local/chat:abc")).toBe(
      "image: belay.local/chat:abc\nname: chat\n",
    );
  },
);
