package figure

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table prints rows of cells that are separated by tabs.
func Table(out io.Writer, rows ...string) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		fmt.Fprintf(w, "  %s\t\n", row)
	}
	_ = w.Flush()
}

// Summary prints figures beside what is promised of them, and returns how many
// promises are missed.
func Summary(out io.Writer, figures []Figure) (missed int) {
	rows := []string{"figure\tmeasured\tpromised\t"}
	for _, f := range figures {
		verdict := "kept"
		if !f.Kept() {
			verdict = "MISSED"
			missed++
		}
		switch {
		case f.Text != "":
			rows = append(rows, fmt.Sprintf("%s\t%s\t\t", f.Name, f.Text))
		case f.Told:
			rows = append(rows, fmt.Sprintf("%s\t%.4g\t\t", f.Name, f.Value))
		case f.Least != 0:
			rows = append(rows, fmt.Sprintf("%s\t%.4g\tat least %g\t%s", f.Name, f.Value, f.Least, verdict))
		default:
			rows = append(rows, fmt.Sprintf("%s\t%.4g\tat most %g\t%s", f.Name, f.Value, f.Most, verdict))
		}
	}
	Table(out, rows...)
	return missed
}
