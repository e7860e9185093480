import { at, type JsonObject } from './json.ts';
import { isName, openObject } from './text.ts';

const type = 'vacua_announcement';

/** What a factory tells a multicast group, without its closing brace. Ours alone; no Vac listens there (docs/space.md). */
export const openAnnouncement = ({ space, factory }: { readonly space: string; readonly factory: string }, port: number): string =>
  openObject({ message_type: type, space, factory, vacua_port: port });

/** The factory that announces itself and the port that it answers on, or why it is not believed. */
export function readAnnouncement(
  object: JsonObject,
  ownSpace: string,
): { readonly factory: string; readonly port: number } | 'garbled' | 'other_space' | 'invalid' {
  if (at(object, 'message_type') !== type) return 'garbled';
  if (at(object, 'space') !== ownSpace) return 'other_space';
  const [factory, port] = [at(object, 'factory'), at(object, 'vacua_port')];
  if (typeof factory !== 'string' || !isName(factory) || factory !== factory.toLowerCase()) return 'invalid';
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536 ? { factory, port } : 'invalid';
}
