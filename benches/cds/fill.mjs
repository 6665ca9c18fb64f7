// The rows that connref is measured with, and the index that it has.
import { DatabaseSync } from 'node:sqlite'
const db = new DatabaseSync('db.sqlite')
db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
  INSERT INTO bench_Reference (ID, name, display, connector, description, createdon)
  SELECT printf('00000000-0000-4000-8000-%012d', i), printf('con_%06d', i), printf('Reference %d', i),
    '/providers/Microsoft.PowerApps/apis/shared_office365', 'What the others are copied from', '2027-01-01T00:00:00.000Z' FROM n`)
db.exec('CREATE INDEX bench_reference_name ON bench_Reference (name); ANALYZE')
