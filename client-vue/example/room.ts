import { typedComposables, useConnection } from "@belay/vue";
import { defineComponent, h, ref, type VNode } from "vue";

export interface Message {
  readonly text: string;
}

const { useChannel, useHistory, usePresence } = typedComposables<{ "chat:*": Message }>();

/** One room: who is there, what was said, and a line to say something. */
export const Room = defineComponent({
  props: { name: { type: String, required: true } },
  setup(props) {
    const channel = () => `chat:${props.name}` as const;
    const connection = useConnection();
    const { clients } = usePresence(channel);
    const { publications, publish, state } = useChannel(channel, { withHistory: true, joinLeave: true });
    const line = ref("");
    const problem = ref("");
    const say = async (event: Event): Promise<void> => {
      event.preventDefault();
      const text = line.value;
      line.value = "";
      try {
        await publish({ text });
      } catch (error) {
        problem.value = `not said: ${String(error)}`;
      }
    };
    return (): VNode =>
      h("section", [
        h("p", { role: "status" }, `${connection.value.name}, ${state.value}, ${clients.value.size} here`),
        h(
          "ol",
          publications.value.map(({ data, offset, info }) =>
            h("li", { key: offset ?? -1 }, `${info?.user ?? ""} ${data.text}`),
          ),
        ),
        h("form", { onSubmit: say }, [
          h("input", {
            value: line.value,
            "aria-label": "Message",
            onInput: ({ target }: Event) => (line.value = (target as HTMLInputElement).value),
          }),
          problem.value,
        ]),
      ]);
  },
});

/** What was said before, asked for once. */
export const Archive = defineComponent({
  props: { name: { type: String, required: true } },
  setup(props) {
    const { publications, isLoading, reload } = useHistory(() => `chat:${props.name}` as const, {
      limit: 50,
      reverse: true,
    });
    return (): VNode =>
      h("aside", [
        h("button", { onClick: reload, disabled: isLoading.value }, "again"),
        h("output", publications.value.map(({ data }) => data.text).join(" ")),
      ]);
  },
});
