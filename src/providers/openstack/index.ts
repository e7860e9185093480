export { type OpenStackOptions, OpenStackProvider } from './provider.ts';
