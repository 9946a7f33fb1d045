import type { DemoTopics } from './topics.js';

/**
 * Reads the rejected records, with the reasons in their headers, with the console consumer that comes with every Kafka.
 * The rejected topic, because it is readable as it is: labels are Avro.
 */
export function consoleCommand({ bootstrap, topics }: { bootstrap: string; topics: DemoTopics }): string {
  return (
    `kafka-console-consumer.sh --bootstrap-server ${bootstrap} --topic ${topics.rejected} ` +
    '--from-beginning --property print.headers=true'
  );
}
