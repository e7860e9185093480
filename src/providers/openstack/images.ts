import { type Instant, later, seconds } from '../../core/units.ts';
import { type CloudImage, ProviderError } from '../contract.ts';
import { type ImageFile, ImageFiles, uploadStream } from './image-file.ts';
import { Kept } from './kept.ts';
import { Once, unless } from './once.ts';
import { oneLine } from '../cloud/one-line.ts';
import { Image, ImagePage } from './schema.ts';
import type { Session } from './session.ts';

export interface ImagesOptions {
  readonly session: Session;
  readonly space: string;
  readonly now: () => Instant;
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const never = (): AbortSignal => new AbortController().signal;
/** Ten gigabytes at 3 MB/s. */
const uploadSeconds = 3600;
/** From the end of the upload to `active`: Glance may convert it. */
const activeSeconds = 600;
const lookMilliseconds = 1000;
/** An upload of ours that has not moved for so long belongs to a manager that died at it. */
const abandonedSeconds = 2 * uploadSeconds;

/** Images at the cloud: named ones as they are, files of the image cache once for each content (spec/cloud.md §7.1). */
export class Images {
  readonly #options: ImagesOptions;
  readonly #files = new ImageFiles();
  readonly #named: Kept<string>;
  readonly #uploaded: Kept<string>;
  readonly #tidying = new Once<string, void>();
  /** Digest that each source has now. Sources that nobody has asked for in this process are left as they are. */
  readonly #current = new Map<string, string>();
  #untidy = false;

  constructor(options: ImagesOptions) {
    this.#options = options;
    this.#named = new Kept(options.now, seconds(600));
    this.#uploaded = new Kept(options.now, seconds(3600));
  }

  /**
   * Id of the image, which is active. A caller may give up waiting for an upload; it goes on, and the next one finds it done.
   * Rejects with a {@link ProviderError}.
   */
  async ensure(image: CloudImage, signal: AbortSignal): Promise<string> {
    if (image.kind === 'named') return this.#named.get(`image ${oneLine(image.name, 80)}`, signal, () => this.findNamed(image.name, never()));
    const file = await unless(signal, `digest of ${image.path}`, this.#files.get(image.path));
    if (this.#current.get(image.source) !== file.sha256) this.#untidy = true;
    this.#current.set(image.source, file.sha256);
    return this.#uploaded.get(`upload of ${oneLine(image.source, 80)} ${file.sha256}`, signal, () => this.#findOrUpload(image.source, file));
  }

  /** After a refusal which says that an image is not there. */
  forget(): void {
    this.#named.forget();
    this.#uploaded.forget();
  }

  /** An active image by id, else by name; of several the newest. */
  async findNamed(wanted: string, signal: AbortSignal): Promise<string> {
    const byId = uuid.test(wanted) ? (await this.#list(`id=in:${wanted}`, signal)).filter((i) => i.id === wanted) : [];
    const found = byId.length > 0 ? byId : (await this.#list(`name=${encodeURIComponent(quoted(wanted))}`, signal)).filter((i) => i.name === wanted);
    const [newest] = found.filter((i) => i.status === 'active').toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1));
    if (newest !== undefined) return newest.id;
    const [other] = found;
    if (other !== undefined)
      throw new ProviderError('IMAGE_NOT_ACTIVE', `image ${oneLine(wanted, 80)} is ${oneLine(other.status, 30)}; valid is an active one`, {
        fault: 'provider',
      });
    throw new ProviderError('IMAGE_MISSING', `image ${oneLine(wanted, 80)} is not there; valid is a name or id of \`openstack image list\``, {
      fault: 'tenant',
    });
  }

  /**
   * Removes images of ours whose source has a newer content, unless a server of ours was made from them, and uploads that were given up.
   * Does nothing while no source has changed. Never rejects: it will be tried again.
   */
  tidy(inUse: ReadonlySet<string>): Promise<void> {
    if (!this.#untidy) return Promise.resolve();
    return this.#tidying.run('tidy', () => this.#tidy(inUse)).catch(() => undefined);
  }

  async settled(): Promise<void> {
    await this.#tidying.settled();
  }

  async #findOrUpload(source: string, file: ImageFile): Promise<string> {
    const [there] = (await this.#ours(`&vacua_sha256=${file.sha256}`))
      .filter((i) => i.status === 'active' && i['vacua_sha256'] === file.sha256)
      .toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1));
    return there?.id ?? this.#upload(source, file);
  }

  async #upload(source: string, file: ImageFile): Promise<string> {
    const { session, space } = this.#options;
    const properties = { vacua_sha256: file.sha256, vacua_space: space, vacua_source: source.slice(0, 255) };
    const json = { name: source.slice(0, 255), disk_format: file.format, container_format: 'bare', visibility: 'private', ...properties };
    const image = await session.read(Image, { service: 'image', method: 'POST', path: '/images', json }, never());
    try {
      let digests: ReturnType<typeof uploadStream>['digests'] | undefined;
      const stream = () => {
        const upload = uploadStream(file.path);
        digests = upload.digests;
        return upload.stream;
      };
      const path = `/images/${encodeURIComponent(image.id)}/file`;
      await session.ask({ service: 'image', method: 'PUT', path, stream, contentType: 'application/octet-stream', withinSeconds: uploadSeconds }, never());
      const active = await this.#active(image.id);
      const sent = digests?.();
      if (sent?.sha256 !== file.sha256) throw new ProviderError('IMAGE_CHANGED', `${file.path} has changed while it was uploaded`, { fault: 'host' });
      if (active.os_hash_algo === 'sha512' && active.os_hash_value !== sent.sha512)
        throw new ProviderError('IMAGE_GARBLED', `image ${image.id}: the cloud has stored something else than it was sent`, { fault: 'provider' });
      return image.id;
    } catch (error) {
      await this.#delete(image.id).catch(() => undefined);
      throw error;
    }
  }

  async #active(id: string): Promise<Image> {
    const { session, now, pause } = this.#options;
    const until = later(now(), activeSeconds);
    while (now() < until) {
      const image = await session.read(Image, { service: 'image', method: 'GET', path: `/images/${encodeURIComponent(id)}` }, never());
      if (image.status === 'active') return image;
      if (image.status === 'killed' || image.status === 'deleted') break;
      await pause(lookMilliseconds, never());
    }
    throw new ProviderError('IMAGE_NOT_ACTIVE', `image ${id} has not become active after its upload`, { fault: 'provider' });
  }

  async #tidy(inUse: ReadonlySet<string>): Promise<void> {
    let left = 0;
    for (const image of await this.#ours('')) {
      const source = image['vacua_source'];
      const current = typeof source === 'string' ? this.#current.get(source) : undefined;
      const abandoned = image.status !== 'active' && Date.parse(image.created_at) < later(this.#options.now(), -abandonedSeconds);
      if (!abandoned && (current === undefined || image['vacua_sha256'] === current || image.status !== 'active')) continue;
      if (inUse.has(image.id)) left++;
      else await this.#delete(image.id);
    }
    this.#untidy = left > 0;
  }

  async #delete(id: string): Promise<void> {
    await this.#options.session.ask({ service: 'image', method: 'DELETE', path: `/images/${encodeURIComponent(id)}`, accept: [404] }, never());
  }

  /** Images of this space in this project. Other projects may show us theirs with any property they like: the owner counts. */
  async #ours(filter: string): Promise<readonly Image[]> {
    const { session, space } = this.#options;
    const project = await session.projectId(never());
    const images = await this.#list(`visibility=private&vacua_space=${encodeURIComponent(space)}${filter}`, never());
    return images.filter((i) => i.owner === project && i['vacua_space'] === space);
  }

  async #list(query: string, signal: AbortSignal): Promise<readonly Image[]> {
    const { session } = this.#options;
    const images: Image[] = [];
    let marker = '';
    for (let page = 0; page < 100; page++) {
      const path = `/images?limit=500&${query}${marker === '' ? '' : `&marker=${encodeURIComponent(marker)}`}`;
      const body = await session.read(ImagePage, { service: 'image', method: 'GET', path }, signal);
      images.push(...body.images);
      const last = body.images.at(-1)?.id;
      if (body.next === undefined || last === undefined || last === marker) break;
      marker = last;
    }
    return images;
  }
}

/** Glance reads `in:` at the start of a filter, and a comma, as a list. */
const quoted = (name: string): string => (/^[a-z]+:|[,"]/.test(name) ? `in:"${name.replaceAll(/["\\]/g, '\\$&')}"` : name);
