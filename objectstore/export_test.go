package objectstore

import (
	"context"
	"iter"
	"time"
)

// OrphansInBatches is Orphans with a bound of its own.
func OrphansInBatches(ctx context.Context, of Store, olderThan time.Duration, batch int) iter.Seq2[Orphan, error] {
	return orphans(ctx, of, scavenging{olderThan, batch})
}
