export const environmentNames = ['kind', 'staging', 'production'] as const;
export type EnvironmentName = (typeof environmentNames)[number];

/** In the order in which they are applied: what Darkroom stands on, then Darkroom. */
export const layers = ['infrastructure', 'apps'] as const;
export type Layer = (typeof layers)[number];
