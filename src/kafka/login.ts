import type { Authenticator, KafkaConfig, Mechanism, SASLMechanismOptionsMap } from 'kafkajs';
import type { Config } from '../config/schema.js';
import { readSecret } from '../config/secrets.js';
import { loadKafkajs } from './patches/index.js';
import { require } from './patches/modules.js';

type Sasl = Config['kafka']['sasl'];
type Provider = Mechanism['authenticationProvider'];

/**
 * kafkajs' login. The password or token is read for each login, a login that is due again on an open connection
 * (`connections.max.reauth.ms`) included. Throws CONFIG_SECRET_UNREADABLE at once when it cannot be read now.
 */
export function loginWith(sasl: Sasl): Pick<KafkaConfig, 'sasl'> {
  if (!sasl.mechanism) return {};
  const provider = sasl.mechanism === 'oauthbearer' ? withToken(sasl) : withPassword(sasl.mechanism, sasl);
  return { sasl: { mechanism: sasl.mechanism, authenticationProvider: provider } };
}

/** kafkajs' own modules, by its names of the mechanisms. */
const MODULES = { plain: 'plain', 'scram-sha-256': 'scram256', 'scram-sha-512': 'scram512' } as const;

function withPassword(mechanism: keyof typeof MODULES, { username = '', passwordFile = '' }: Sasl): Provider {
  loadKafkajs();
  type Create = (credentials: SASLMechanismOptionsMap['plain']) => Provider;
  const create = require(`kafkajs/src/broker/saslAuthenticator/${MODULES[mechanism]}.js`) as Create;
  const password = () => readSecret(passwordFile, 'kafka.sasl.passwordFile');
  password();
  return afresh(args => create({ username, password: password() })(args));
}

type TokenRequest = (options: object, token: { value: string }) => Promise<object>;

/**
 * OAUTHBEARER (RFC 7628). A broker that refuses a token says so in a challenge and waits for the client to give in;
 * kafkajs' own login takes the challenge for a yes, and the next request finds the connection closed.
 */
function withToken({ tokenFile = '' }: Sasl): Provider {
  // Its type says that it takes no message.
  const SaslError = loadKafkajs().KafkaJSSASLAuthenticationError as unknown as new (message: string) => Error;
  const { request } = require('kafkajs/src/protocol/sasl/oauthBearer/index.js') as { request: TokenRequest };
  const token = () => readSecret(tokenFile, 'kafka.sasl.tokenFile');
  token();
  const response = { decode: async (challenge: Buffer) => challenge, parse: async (challenge: Buffer) => challenge };
  return afresh(({ saslAuthenticate }) => ({
    authenticate: async () => {
      const challenge = await saslAuthenticate({ request: (await request({}, { value: token() })) as never, response });
      // kafkajs leaves the four bytes of its length before it.
      const refusal = challenge?.toString('utf8', 4) ?? '';
      if (refusal === '') return;
      throw new SaslError(`SASL OAUTHBEARER authentication failed: ${refusal}`);
    },
  }));
}

/** An authenticator that is made anew whenever it is used, and so of what the files hold then. */
function afresh(make: (args: Parameters<Provider>[0]) => Authenticator): Provider {
  return args => ({ authenticate: () => make(args).authenticate() });
}
