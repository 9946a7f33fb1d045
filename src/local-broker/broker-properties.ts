/** One more address of the broker, beside the plain one, e.g. `{ name: 'SECURE', protocol: 'SASL_SSL' }`. */
export interface ExtraListener {
  readonly name: string;
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
  /**
   * The host by which clients elsewhere, such as containers, reach the broker. With it, the broker listens on every
   * interface.
   */
  readonly reachedAs?: string;
}

export interface BrokerLayout {
  /** The address that the broker listens on: 127.0.0.1, or '' for every interface, inside a container. */
  readonly bindHost: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly dataDir: string;
  readonly extra: ReadonlyArray<ExtraListener & { readonly port: number }>;
}

export type Properties = Readonly<Record<string, string>>;

/** Returns the server.properties of one node that is broker and controller (KRaft), sized for demo and tests. */
export function serverProperties(layout: BrokerLayout): Properties {
  const { bindHost, port, controllerPort, dataDir, extra } = layout;
  const brokers: BrokerLayout['extra'] = [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT', port }, ...extra];
  const listeners: BrokerLayout['extra'] = [
    ...brokers,
    { name: 'CONTROLLER', protocol: 'PLAINTEXT', port: controllerPort },
  ];
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: listeners.map(each => `${each.name}://${each.reachedAs ? '' : bindHost}:${each.port}`).join(),
    'advertised.listeners': brokers.map(each => `${each.name}://${each.reachedAs ?? '127.0.0.1'}:${each.port}`).join(),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': listeners.map(each => `${each.name}:${each.protocol}`).join(),
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataDir,
    ...FOR_TESTS,
  };
}

/** One replica of everything, few partitions of the internal topics, little memory. */
const SMALL: Properties = {
  'num.partitions': '4',
  'default.replication.factor': '1',
  'min.insync.replicas': '1',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'auto.create.topics.enable': 'false',
  'log.cleaner.dedupe.buffer.size': '4194304',
  'num.network.threads': '2',
  'num.io.threads': '4',
};

/** A first group member does not wait for others, and a killed broker is back in seconds. */
const QUICK: Properties = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '500',
};

/** The properties that demo and tests depend on, wherever the broker runs. */
export const FOR_TESTS: Properties = { ...SMALL, ...QUICK };

/** Returns properties as variables of a container: the images of Kafka read `a.b-c_d` from KAFKA_A_B___C__D. */
export function containerEnvironment(properties: Properties): Record<string, string> {
  const variable = (name: string) => name.replaceAll('_', '__').replaceAll('-', '___').replaceAll('.', '_');
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [`KAFKA_${variable(name).toUpperCase()}`, value]),
  );
}

/**
 * Returns the text of a .properties file. Backslashes are doubled, since a single one (Windows paths) is read as an
 * escape.
 */
export function propertiesFile(properties: Properties): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}
