import type { TestContext } from 'node:test';
import { freshBroker, type TestBroker } from './kafka.js';

/**
 * Starts a separate broker with an authorizer. Its plain listener is the owner's, who may do everything. The user logs
 * in at the listener `login`, by SASL PLAIN with "open sesame", and has only the rights that it is given.
 */
export async function guardedBroker(t: TestContext, user: string): Promise<{ broker: TestBroker; login: string }> {
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const broker = await freshBroker(t, {
    listeners: [{ name: 'LOGIN', protocol: 'SASL_PLAINTEXT' }],
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      'listener.name.login.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.login.plain.sasl.jaas.config': `${plain} user_${user}="open sesame";`,
    },
  });
  return { broker, login: broker.listeners.LOGIN ?? '' };
}
