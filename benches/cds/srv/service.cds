using { bench } from '../db/schema';
@path: '/odata'
service Bench { entity References as projection on bench.Reference; }
