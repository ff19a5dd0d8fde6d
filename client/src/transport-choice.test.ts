import { expect, test } from "vitest";
import type { Format, Transport, TransportFactory } from "./transport.ts";
import { PREFERRED_AGAIN_MS, PROVEN_AGAIN_MS, TransportChoice } from "./transport-choice.ts";

function factory(
  name: string,
  { isSupported = true, formats = ["json", "protobuf"] as readonly Format[] } = {},
): TransportFactory {
  return {
    name,
    formats,
    isSupported: () => isSupported,
    open: (): Transport => {
      throw new Error("not opened here");
    },
  };
}

const three = [factory("websocket"), factory("http_stream"), factory("sse")];
const options = { factories: three, format: "json", environment: {} } as const;

test("[SDK18] each transport that fails gives way to the next, around and around", () => {
  const choice = new TransportChoice(options);
  const names = [1, 2, 3, 4].map((nowMs) => {
    const { name } = choice.next(nowMs) ?? {};
    choice.failed();
    return name;
  });
  expect(names).toEqual(["websocket", "http_stream", "sse", "websocket"]);
});

test("[SDK18] what works is kept and remembered, and given up for the preferred one after a while or in another network", () => {
  let saved = "";
  const memory = {
    load: () => saved,
    save: (name: string) => {
      saved = name;
    },
  };
  const choice = new TransportChoice({ ...options, memory });
  choice.failed();
  choice.worked(1000);
  expect(saved).toBe("http_stream");
  expect(new TransportChoice({ ...options, memory }).next(0)?.name).toBe("http_stream");
  expect(choice.next(2000)?.name).toBe("http_stream");
  expect(choice.next(1001 + PREFERRED_AGAIN_MS)?.name).toBe("websocket");
  choice.failed();
  choice.reset();
  expect(choice.next(0)?.name).toBe("websocket");
});

test("[SDK18] a transport that has worked gives way after three failures in a row, and is tried again soon", () => {
  const choice = new TransportChoice(options);
  choice.worked(0);
  const names = [1, 2, 3, 4, 5, 6].map((nowMs) => {
    const { name } = choice.next(nowMs) ?? {};
    choice.failed();
    return name;
  });
  expect(names).toEqual(["websocket", "websocket", "websocket", "http_stream", "sse", "websocket"]);
  choice.worked(10);
  for (let failures = 0; failures < 3; failures++) choice.failed();
  choice.worked(20);
  expect(choice.next(21)?.name).toBe("http_stream");
  expect(choice.next(21 + PROVEN_AGAIN_MS)?.name).toBe("websocket");
});

test("[SDK18] what the runtime or the codec cannot do is left out", () => {
  const factories = [
    factory("websocket", { isSupported: false }),
    factory("http_stream"),
    factory("sse", { formats: ["json"] }),
  ];
  const choice = new TransportChoice({ ...options, factories, format: "protobuf" });
  choice.failed();
  expect(choice.next(0)?.name).toBe("http_stream");
  expect(new TransportChoice({ ...options, factories: [] }).next(0)).toBeUndefined();
});
