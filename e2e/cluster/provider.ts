/** An image in the cache: a file, and the name that the nodes know it by once it is imported. */
export interface ImageArchive {
  readonly image: string;
  readonly archive: string;
  /** A second name of the same content. */
  readonly alias?: string;
}

/** What both kinds of cluster can do. Every verb may be called again at any time. */
export interface Provider {
  /** Brings up Kubernetes as far as all nodes Ready; changes nothing where that is so. */
  readonly up: () => Promise<void>;
  /** Leaves nothing of the cluster behind. */
  readonly down: () => Promise<void>;
  /** The images of Belay and of its example, by what they are for. */
  readonly images: () => Promise<Images>;
  readonly stopApiServer: () => Promise<void>;
  readonly startApiServer: () => Promise<void>;
  readonly kubeconfig: () => Promise<string>;
  /** An address of a node, where NodePorts are reached from this machine. */
  readonly nodeAddress: () => Promise<string>;
}

/** Names under which the nodes have the images. */
export interface Images {
  readonly gateway: string;
  /** The same content under another name: what a change of image is in a test. */
  readonly nextGateway: string;
  readonly operator: string;
  readonly chat: string;
  readonly redis: string;
}
