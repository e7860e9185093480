import { networkInterfaces } from 'node:os';
import { forbiddenAddress, trialHost } from '../../core/config/pipe-address.ts';
import type { Machinetype, PipeFile } from '../../core/machinetype.ts';
import type { Forbidden } from './request.ts';

/** What may not be asked on behalf of a pipe with this host (see {@link trialHost}, {@link forbiddenAddress}), with the addresses that this host has now. */
export const pipeGuard =
  (pipeHost: string): Forbidden =>
  (address) =>
    forbiddenAddress(address, { pipeHost, own: ownAddresses() });

/** For the pipe itself: its URL is the site's own, but not where its server redirects to. */
export const redirectGuard = (url: string): Forbidden => {
  const guard = pipeGuard(trialHost(url));
  return (address, redirects) => (redirects === 0 ? undefined : guard(address, redirects));
};

/** Host of the pipe that has named this file of a machinetype; undefined: the site has. */
export const namedByPipe = ({ pipe }: Machinetype, file: PipeFile): string | undefined => (pipe?.names.includes(file) === true ? pipe.host : undefined);

const ownAddresses = (): string[] => Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
