//go:build !unix

package cost

import "time"

// processorTime is not available here; the column shows 0.
func processorTime() time.Duration { return 0 }
