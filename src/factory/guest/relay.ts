import { connect, type Socket } from 'node:net';
import type { HostService } from '../../core/settings.ts';
import type { ConnectionWatch } from './connections.ts';

/**
 * Passes bytes between a machine and a service near the host, untouched, half-closing included. The service sees the daemon's
 * address; that a machine gets no further than to this one service is the point.
 */
export function relay(guest: Socket, service: HostService, watch: ConnectionWatch): void {
  const upstream = connect({ host: service.host, port: service.targetPort, allowHalfOpen: true });
  watch.add(guest, 'relay');
  watch.add(upstream, 'connect');
  upstream.once('connect', () => watch.enter(upstream, 'relay'));
  guest.once('close', () => upstream.destroy());
  upstream.once('close', () => guest.destroy());
  guest.pipe(upstream);
  upstream.pipe(guest);
}
