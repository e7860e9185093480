const prefix = 'image:';

/** Name of an image that the cloud has already, where `root_image` is `image:NAME` (spec/cloud.md §1.4); undefined: a file of ours. */
export const namedImage = (rootImage: string | undefined): string | undefined =>
  rootImage?.startsWith(prefix) === true ? rootImage.slice(prefix.length).trim() : undefined;
