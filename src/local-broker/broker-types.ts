import type { ExtraListener } from './broker-properties.js';

export interface BrokerOptions {
  /** Receives, in single lines, each step that is taken. */
  readonly log: (line: string) => void;
  /** A broker that runs already (KAFKA_BROKERS), comma-separated. With it, no broker is started. */
  readonly given?: string | undefined;
  /** The folder in which the folder with data and log is made; the system's temporary folder by default. */
  readonly workDir?: string | undefined;
  /** The folder for the jars of Kafka. */
  readonly cacheDir?: string | undefined;
  /** The version of Kafka, from Maven Central; Java only. Without it, the one that everything is tried with. */
  readonly kafkaVersion?: string | undefined;
  /** JAVA_HOME; without it, the `java` of the PATH is used. */
  readonly javaHome?: string | undefined;
  /** Properties that are added to server.properties, or replace its own. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** More addresses beside the plain one; Java only. */
  readonly listeners?: readonly ExtraListener[] | undefined;
  /** Further arguments of `kafka.tools.StorageTool format`, such as --add-scram; Java only. */
  readonly formatArgs?: readonly string[] | undefined;
}

/** A broker for demo and tests. A broker that was started here never outlives this process. */
export interface Broker {
  /** host:port of the plain listener, or the addresses that were given. */
  readonly bootstrap: string;
  /** host:port of each extra listener, by name. */
  readonly listeners: Readonly<Record<string, string>>;
  readonly how: 'java' | 'docker' | 'given';
  /** Ends the broker and removes its data. Leaves a given broker alone. */
  stop(): Promise<void>;
  /** Kills the broker with SIGKILL; its data stays. Not for a given broker. */
  kill(): void;
  /** Ends the broker if it runs, and starts it again with the same data and address. Not for a given broker. */
  restart(): Promise<void>;
}
