/** The example, with buttons for what a test does to it. */
import { createClient } from "@belay/client";
import { clientPlugin } from "@belay/vue";
import { createApp, defineComponent, h, ref, type VNode } from "vue";
import { Archive, type Message, Room } from "../example/room.ts";

const query = new URLSearchParams(location.search);

const Page = defineComponent({
  setup() {
    const room = ref("red");
    const toggle = (): void => void (room.value = room.value === "red" ? "blue" : "red");
    return (): VNode =>
      h("main", [
        h("button", { onClick: toggle }, "other room"),
        h("button", { onClick: () => app.unmount() }, "leave"),
        h(Room, { name: room.value }),
        query.has("archive") ? h(Archive, { name: room.value }) : undefined,
      ]);
  },
});

const client = createClient<{ "chat:*": Message }>({
  endpoint: query.get("endpoint") ?? "",
  token: query.get("token") ?? "",
});
const app = createApp(Page).use(clientPlugin(client));
app.mount("#root");
