package localcluster

import "testing"

func TestProportionalBytes(t *testing.T) {
	for says, c := range map[string]struct {
		rollup string
		want   int64
	}{
		"as the kernel writes it": {"55d0-7ffd ---p 00000000 00:00 0   [rollup]\nRss:     2048 kB\nPss:      512 kB\nPss_Dirty:  4 kB\n", 512 << 10},
		"a process that is gone":  {"", 0},
	} {
		t.Run(says, func(t *testing.T) {
			if got := proportionalBytes(c.rollup); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}
