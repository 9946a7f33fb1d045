import { writeFileSync } from 'node:fs';
import { CONTRACT_FILE, publicContract, renderContract } from './public-contract.js';

writeFileSync(CONTRACT_FILE, renderContract(await publicContract()));
console.log(`wrote ${CONTRACT_FILE}; look at its diff, and give each change its line in CHANGELOG.md`);
