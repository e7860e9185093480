export { Ec2Provider, type Ec2ProviderOptions } from './provider.ts';
