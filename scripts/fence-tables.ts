/** The tables behind `npm run fences`: what the architecture says about imports, and nothing else. ARCHITECTURE.md draws it. */

export interface Workspace {
  /** Doors of other workspaces that its sources may use. */
  readonly imports: readonly string[];
  /** Doors that only its tests may use. */
  readonly inTests?: readonly string[];
  /** May import files of other workspaces by path: it is a tool of the whole repository. */
  readonly reaches?: boolean;
}

/** By folder. Gateway and operator never import each other; nothing but tests imports testkit. */
export const workspaces: ReadonlyMap<string, Workspace> = new Map<string, Workspace>([
  ["protocol", { imports: [], inTests: ["@belay/testkit"] }],
  ["gateway", { imports: ["@belay/protocol", "@belay/protocol/control"], inTests: ["@belay/testkit"] }],
  ["operator", { imports: ["@belay/protocol/control"], inTests: ["@belay/testkit"] }],
  [
    "client",
    {
      imports: ["@belay/protocol", "@belay/protocol/protobuf-wire"],
      inTests: ["@belay/testkit", "@belay/testkit/browser"],
    },
  ],
  [
    "client-react",
    { imports: ["@belay/client", "@belay/client/views"], inTests: ["@belay/testkit", "@belay/testkit/browser"] },
  ],
  [
    "client-vue",
    { imports: ["@belay/client", "@belay/client/views"], inTests: ["@belay/testkit", "@belay/testkit/browser"] },
  ],
  [
    "testkit",
    {
      imports: [
        "@belay/protocol",
        "@belay/protocol/control",
        "@belay/gateway",
        "@belay/gateway/internal",
        "@belay/operator",
        "@belay/operator/internal",
      ],
    },
  ],
  [
    "e2e",
    {
      imports: [
        "@belay/protocol",
        "@belay/protocol/control",
        "@belay/client",
        "@belay/operator",
        "@belay/operator/internal",
        "@belay/testkit",
        "@belay/testkit/browser",
      ],
    },
  ],
  [
    "examples/chat",
    {
      imports: ["@belay/client", "@belay/client/overlay", "@belay/client/views"],
      inTests: ["@belay/testkit", "@belay/testkit/browser"],
    },
  ],
  ["scripts", { imports: [], reaches: true }],
  ["bench", { imports: [], reaches: true }],
]);

/** Libraries that only the named files import at run time, in sources below `within`; their types are free. */
export const libraryOwners: readonly {
  readonly library: string;
  readonly within: string;
  readonly files: readonly RegExp[];
}[] = [
  {
    library: "ioredis",
    within: "gateway/",
    files: [/^gateway\/src\/(broker|registry)\/redis-/, /^gateway\/src\/redis\//],
  },
  { library: "ws", within: "gateway/", files: [/^gateway\/src\/transport\/(ws-server|shared-frame)\.ts$/] },
  {
    // Its import costs half a second and 120 MB.
    library: "@kubernetes/client-node",
    within: "operator/",
    files: [/^operator\/src\/kube\/(http-kube-client|kube-connection)\.ts$/],
  },
];

/** No I/O, no clock, no Node: these can be tested by tables. A pure file may import only pure files and the packages below. */
export const pureFiles: readonly RegExp[] = [
  /^protocol\/src\//,
  /^gateway\/src\/session\//,
  /^gateway\/src\/drain\/drain-plan\.ts$/,
  /^gateway\/src\/transport\/handshake\.ts$/,
  /^gateway\/src\/access\/origin-policy\.ts$/,
  /^operator\/src\/(api|plan|resources)\//,
  /^client\/src\/(backoff|endpoints|migration|publish-queue|reconnect-policy|sequencer|state)\.ts$/,
  /^operator\/src\/kube\/(kube-client|kube-paths|resources)\.ts$/,
];
export const purePackages: readonly string[] = ["zod"];

export interface Layer {
  readonly workspace: string;
  readonly name: string;
  readonly files: RegExp;
  /** Layers of the same workspace below it. */
  readonly imports: "all" | readonly string[];
}

function gateway(name: string, files: RegExp, imports: Layer["imports"]): Layer {
  return {
    workspace: "gateway",
    name: `gateway ${name}`,
    files: new RegExp(`^gateway/src/${files.source}`),
    imports: prefixed("gateway", imports),
  };
}

function operator(name: string, files: RegExp, imports: Layer["imports"]): Layer {
  return {
    workspace: "operator",
    name: `operator ${name}`,
    files: new RegExp(`^operator/src/${files.source}`),
    imports: prefixed("operator", imports),
  };
}

function prefixed(workspace: string, imports: Layer["imports"]): Layer["imports"] {
  return imports === "all" ? "all" : imports.map((name) => `${workspace} ${name}`);
}

/**
 * Read from the top: entry → app → edge (transport, connection, node, drain, http) → handlers → hub → ports. The first layer whose
 * pattern fits claims a file. Only the app picks adapters.
 */
export const layers: readonly Layer[] = [
  gateway("entry", /(main|stop-signal|dev|dev-\w+|index|internal)\.ts$/, "all"),
  gateway(
    "app",
    /(app|assemble-client-port|assemble-drain|assemble-metrics|assemble-services|adapters|client-port|gateway)\.ts$/,
    [
      "access",
      "api",
      "api keys",
      "config",
      "http",
      "connection",
      "node",
      "transport",
      "drain",
      "limits",
      "handlers",
      "takeover",
      "services",
      "subscription",
      "hub",
      "presence",
      "channels",
      "hooks",
      "auth",
      "inbox",
      "adapters",
      "redis",
      "ports",
      "session",
      "settings",
      "clock",
    ],
  ),
  gateway("api keys", /api\/api-key\.ts$/, ["ports"]),
  gateway("api", /api\//, ["api keys", "auth", "channels", "inbox", "node", "ports", "clock"]),
  gateway("http", /http\//, [
    "api",
    "api keys",
    "channels",
    "node",
    "transport",
    "access",
    "ports",
    "settings",
    "clock",
  ]),
  gateway("connection", /connection\//, [
    "limits",
    "transport",
    "handlers",
    "services",
    "subscription",
    "hub",
    "hooks",
    "inbox",
    "session",
    "clock",
  ]),
  gateway("node", /node\//, ["ports", "clock"]),
  gateway("limits", /limits\/(?!redis-|memory-)/, ["node", "settings", "clock"]),
  gateway("transport", /transport\//, ["access", "clock"]),
  gateway("drain", /drain\//, ["session", "clock"]),
  // What handlers may use of a node; connections and subscriptions are handed it.
  gateway("services", /(handlers\/services|subscription\/subscription)\.ts$/, [
    "limits",
    "subscription",
    "hub",
    "presence",
    "channels",
    "hooks",
    "inbox",
    "auth",
    "node",
    "ports",
    "session",
    "settings",
    "clock",
  ]),
  gateway("handlers", /handlers\//, [
    "takeover",
    "services",
    "subscription",
    "hub",
    "channels",
    "hooks",
    "auth",
    "inbox",
    "node",
    "ports",
    "session",
    "settings",
    "clock",
  ]),
  gateway("takeover", /takeover\//, ["services", "subscription", "ports", "session"]),
  gateway("subscription", /subscription\//, ["services", "hub", "channels", "inbox", "ports", "session"]),
  gateway("hooks", /hooks\//, ["services", "auth", "session", "settings", "clock"]),
  gateway("channels", /channels\//, ["config", "ports", "session"]),
  gateway("presence", /presence\//, ["ports", "redis"]),
  // Keys are parsed with the settings, so that a bad one refuses them.
  gateway("keys", /auth\/(verification-key|trusted-certificates)\.ts$/, []),
  gateway("auth", /auth\//, ["keys", "ports", "session", "settings", "clock"]),
  gateway("inbox", /inbox\/inbox-/, ["node", "ports"]),
  gateway("hub", /hub\//, ["ports", "clock"]),
  gateway("adapters", /((broker|registry|limits|inbox)\/(memory|redis)-|revocations\/)/, [
    "redis",
    "limits",
    "redis address",
    "node",
    "auth",
    "ports",
    "session",
    "clock",
  ]),
  // Read with the settings, so that a URL that cannot be used refuses them.
  gateway("redis address", /redis\/redis-(url|topology)\.ts$/, []),
  gateway("redis", /redis\//, ["redis address", "ports", "clock"]),
  gateway("ports", /(broker\/broker|registry\/registry|inbox\/inboxes)\.ts$/, []),
  gateway("session", /session\//, []),
  gateway("settings", /(settings|settings-watch|config-compiler)\.ts$/, [
    "keys",
    "api keys",
    "channels",
    "config",
    "redis address",
    "clock",
  ]),
  gateway("config", /config(\.ts$|\/)/, ["keys", "access", "redis address"]),
  // Who is let in, judged from addresses and headers.
  gateway("access", /access\//, []),
  gateway("clock", /(clock|log)\.ts$/, []),

  operator("entry", /(main|index|internal)\.ts$/, "all"),
  operator("controller", /controller\//, [
    "observe",
    "plan",
    "apply",
    "metrics-api",
    "shapes",
    "resources",
    "api",
    "runtime",
    "kube port",
    "settings",
    "clock",
  ]),
  operator("http", /http\//, ["clock"]),
  // What observe reads and apply writes: names of annotations, fields of objects.
  operator("shapes", /observe\/(annotations|objects)\.ts$/, ["resources", "kube port"]),
  operator("observe", /observe\//, ["shapes", "plan", "resources", "api", "runtime", "kube port", "clock"]),
  operator("apply", /apply\//, ["shapes", "plan", "resources", "api", "runtime", "kube port", "clock"]),
  operator("plan", /plan\//, ["resources", "api", "kube port"]),
  operator("resources", /resources\//, ["api", "kube port"]),
  operator("api", /api\//, ["kube port"]),
  operator("metrics-api", /metrics-api\//, ["kube port", "clock"]),
  operator("runtime", /runtime\//, ["kube port", "clock"]),
  operator("kube port", /kube\/(kube-client|kube-paths|resources)\.ts$/, []),
  operator("kube adapter", /kube\//, ["kube port", "clock"]),
  operator("rbac", /rbac\.ts$/, ["observe", "kube port"]),
  operator("settings", /config\.ts$/, []),
  operator("clock", /clock\.ts$/, []),
];
