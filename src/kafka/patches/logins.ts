import { require } from './modules.js';

interface LoggedIn {
  authenticatedAt: [seconds: number, nanos: number] | null;
  sessionLifetime: { toString(): string };
  isAuthenticated(): boolean;
}

const BETWEEN_LOGINS_MS = 1_200;

/**
 * Waits between logins on one connection for half of the session, and for BETWEEN_LOGINS_MS at least. kafkajs logs in
 * again at every request from ten seconds before a session ends (src/network/connection.js). With a session shorter
 * than that, or a token in its last seconds, it never pauses. The broker takes a second login within a second for a
 * protocol error (KafkaChannel, MIN_REAUTH_INTERVAL), and every request fails.
 */
export function spaceLogins(): void {
  const { prototype } = require('kafkajs/src/network/connection') as { prototype: LoggedIn };
  const { isAuthenticated } = prototype;
  prototype.isAuthenticated = function () {
    if (isAuthenticated.call(this)) return true;
    if (!this.authenticatedAt) return false;
    const [seconds, nanos] = process.hrtime(this.authenticatedAt);
    const earliestMs = Math.max(BETWEEN_LOGINS_MS, Number(this.sessionLifetime.toString()) / 2);
    return seconds * 1_000 + nanos / 1e6 < earliestMs;
  };
}
