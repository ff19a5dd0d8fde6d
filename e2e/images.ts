import { getObject, listObjects } from "./kube-objects.ts";

interface OperatorDeployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly image: string;
          readonly env: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

export interface InstalledImages {
  readonly operator: string;
  readonly gateway: string;
  readonly redis: string;
}

/** The images that the installed operator runs and gives to the clusters it makes. */
export async function operatorImages(): Promise<InstalledImages> {
  const [deployment] = await listObjects<OperatorDeployment>(
    "belay-system",
    "deployments",
    "app.kubernetes.io/name=belay",
  );
  const container = deployment?.spec.template.spec.containers[0];
  const value = (name: string): string => {
    const found = container?.env.find((each) => each.name === name)?.value;
    if (found === undefined) throw new Error(`the operator's Deployment has no ${name}`);
    return found;
  };
  return { operator: container?.image ?? "", gateway: value("GATEWAY_IMAGE"), redis: value("REDIS_IMAGE") };
}

/** The same gateway under another tag, which every node has: to the operator it is a new image. */
export async function nextGatewayImage(): Promise<string> {
  return `${(await operatorImages()).gateway}-next`;
}

/** Where the chat example's page is served. */
export async function chatPageUrl(): Promise<string> {
  const service = await getObject<{ spec: { ports: readonly { nodePort: number }[] } }>(
    "chat",
    "services",
    "chat-page",
  );
  const [node] = await listObjects<{ status: { addresses: readonly { type: string; address: string }[] } }>(
    "default",
    "nodes",
  );
  const address = node?.status.addresses.find(({ type }) => type === "InternalIP")?.address ?? "";
  return `http://${address}:${service.spec.ports[0]?.nodePort ?? 0}/`;
}
