/** Whose objects they are. */
type Owner = { tenant: string; id: string };

/** Everything that is stored for a generation lies under this prefix, `TENANT/ID/`. */
export const objectPrefix = ({ tenant, id }: Owner): string => `${tenant}/${id}/`;

/** Keys carry the digest of their content, so no object is ever overwritten by another content. */
export const pictureKey = (owner: Owner, index: number, sha256: string): string =>
  `${objectPrefix(owner)}${index}-${sha256}.png`;

export const checkpointKey = (owner: Owner, sha256: string): string =>
  `${objectPrefix(owner)}checkpoint-${sha256}`;

/** A file that a caller has brought; of another tenant it is another object. */
export const uploadKey = (tenant: string, sha256: string): string => `${tenant}/uploads/${sha256}`;

/** The last segment of a key; a picture's URL ends with it. */
export const fileNameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);
