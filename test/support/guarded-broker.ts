import type { TestContext } from 'node:test';
import { freshBroker, type TestBroker } from './kafka.js';

/**
 * A broker of its own with an authorizer. Its plain listener is the owner's, who may do everything; `login` is where the
 * user comes in, by SASL PLAIN with "open sesame", and may do what it is given a right to.
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
