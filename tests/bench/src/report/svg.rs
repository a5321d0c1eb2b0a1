use std::fmt::Write as _;

/// How an axis grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// From 0, evenly.
    Linear,
    /// By powers of ten; values above 0 only.
    Logarithmic,
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it shows.
    pub label: String,
    /// Its points, by x.
    pub points: Vec<(f64, f64)>,
}

/// Curves over one pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Below the x axis.
    pub x_label: String,
    /// Beside the y axis.
    pub y_label: String,
    /// The x axis.
    pub x: Scale,
    /// The y axis.
    pub y: Scale,
    /// The curves.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// Distinct also for eyes that do not tell red from green.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"];

/// One axis: its range in the scale's own measure, and its marks.
struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
    marks: Vec<f64>,
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Self {
        let highest = values.clone().fold(f64::MIN, f64::max);
        match scale {
            Scale::Logarithmic => {
                let lowest = values.filter(|value| *value > 0.0).fold(f64::MAX, f64::min);
                let (from, to) = match lowest <= highest {
                    true => (lowest.log10().floor(), highest.log10().ceil()),
                    false => (0.0, 1.0),
                };
                let to = if to > from { to } else { from + 1.0 };
                // A chart has at most a few dozen decades.
                let marks = (0..=(to - from) as i32).map(|step| 10_f64.powf(from + f64::from(step))).collect();
                Self { scale, from, to, marks }
            }
            Scale::Linear => {
                let highest = if highest > 0.0 { highest } else { 1.0 };
                let power = 10_f64.powf((highest / 5.0).log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
                let step = step.into_iter().find(|step| step * 5.0 >= highest).unwrap_or(highest / 5.0);
                let count = (highest / step).ceil();
                let marks = (0..=count as i32).map(|mark| f64::from(mark) * step).collect();
                Self { scale, from: 0.0, to: count * step, marks }
            }
        }
    }

    /// Where a value lies, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
        };
        (value - self.from) / (self.to - self.from)
    }
}

impl Chart {
    /// The picture, with a background so that it is readable on dark pages too.
    pub fn to_svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (x, y) = (Axis::new(self.x, points().map(|p| p.0)), Axis::new(self.y, points().map(|p| p.1)));
        let at_x = |value: f64| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
        let at_y = |value: f64| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"11\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        let mut put = |x: f64, y: f64, anchor: &str, more: &str, text: &str| {
            let _ =
                writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{}</text>", escape(text));
        };
        put(WIDTH / 2.0, 18.0, "middle", " font-size=\"14\"", &self.title);
        put((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10.0, "middle", "", &self.x_label);
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        put(16.0, middle, "middle", &format!(" transform=\"rotate(-90 16 {middle})\""), &self.y_label);
        for mark in &x.marks {
            put(at_x(*mark), HEIGHT - BOTTOM + 16.0, "middle", "", &short(*mark));
        }
        for mark in &y.marks {
            put(LEFT - 6.0, at_y(*mark) + 4.0, "end", "", &short(*mark));
        }
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for mark in &y.marks {
            let at = at_y(*mark);
            let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        }
        let _ = writeln!(svg, "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" stroke=\"black\" fill=\"none\"/>");
        for ((line, colour), row) in self.lines.iter().zip(COLOURS.iter().cycle()).zip(0..) {
            let path: Vec<String> =
                line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", at_x(*x), at_y(*y))).collect();
            let path = path.join(" ");
            let _ = writeln!(svg, "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            for (x, y) in line.points.iter().filter(|_| line.points.len() <= 40) {
                let _ =
                    writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", at_x(*x), at_y(*y));
            }
            let at = TOP + 14.0 * f64::from(row) + 4.0;
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{at:.1}\" fill=\"{colour}\">{}</text>",
                LEFT + 10.0,
                escape(&line.label)
            );
        }
        svg + "</svg>\n"
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A mark of an axis: `10k`, `2M`, `0.5`.
fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_where_the_axes_say() {
        let lines = vec![Line { label: "a < b".into(), points: vec![(10.0, 0.0), (1000.0, 50.0), (100_000.0, 100.0)] }];
        let chart = Chart {
            title: "T".into(),
            x_label: "x".into(),
            y_label: "y".into(),
            x: Scale::Logarithmic,
            y: Scale::Linear,
            lines,
        };
        let svg = chart.to_svg();
        // Left bottom, middle, right top of the field between the axes.
        assert!(svg.contains("points=\"70.0,310.0 345.0,175.0 620.0,40.0\""), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains(">100k</text>") && svg.contains(">20</text>"), "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn nothing_to_show_is_no_failure() {
        let chart = Chart {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            x: Scale::Logarithmic,
            y: Scale::Linear,
            lines: Vec::new(),
        };
        assert!(!chart.to_svg().contains("NaN"));
    }
}
