import { hostname } from 'node:os';
import { type Service } from '@portcullis/contracts';

/**
 * Heard by the processes of a service on this machine (in a container: by its own one), and asked from the same: that another replica
 * is well says nothing about this one.
 */
export const healthSubject = (service: Service): string => `health.${service}.${hostname().replaceAll(/[^\w-]/g, '_')}`;

/** Wherever they run. */
export const healthSubjects = (service: Service): string => `health.${service}.*`;
