// Package readers says what readers of flags may answer, without asking the product.
//
// Whoever writes a flag tells its [Meant] what is about to be asked for, and what was
// acknowledged. Whoever looks at a reader tells the [Witness] each change of its
// answers, which says at once whether that was allowed. It knows nothing of feeds,
// snapshots, revisions or scripts.
//
// # Law
//
// No reader goes back to an earlier version of a flag, nor lets go of a kill that it
// has seen before somebody has asked for it to be restored; that holds over restarts
// as far as its bootstrap file goes. It serves a version as it was written or less,
// and none for longer than its lease. It says STALE if and only if it was cut off.
//
// # Test
//
// The test of this package runs many readers over a real Redis behind real sentinels,
// and breaks what lies between: see docs/chaos/README.md. Beside them run the usual
// ways to keep a copy, seen by a witness of their own, who must see those go back.
package readers
