/** Labels and files by which the operator and a gateway pod speak without a request. */
export const TRAFFIC_LABEL = "belay.dev/traffic";
export const CLUSTER_LABEL = "belay.dev/cluster";
export const REVISION_LABEL = "belay.dev/revision";
export const COMPONENT_LABEL = "belay.dev/component";

/** `on`: the Service sends new connections here. `off`: the drain gate is closed; established sockets go on. */
export type Traffic = "on" | "off";
