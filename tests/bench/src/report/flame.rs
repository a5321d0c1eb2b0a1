use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Samples by call path: how often each function stood where.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Flame {
    samples: u64,
    callees: BTreeMap<String, Flame>,
}

const WIDTH: f64 = 1200.0;
const ROW: f64 = 16.0;
const TOP: f64 = 30.0;

/// Narrower ones, a five-hundredth of all, are left out: nobody could read them, and they are most of the file.
const NARROWEST: f64 = 2.4;

/// Letters of a name that are shown; with all type parameters some have hundreds.
const NAME: usize = 100;

/// Width of a letter at the font size used.
const LETTER: f64 = 6.2;

impl Flame {
    /// Reads what `perf script` prints: for each sample a line that begins at the margin, then its frames, innermost first,
    /// one a line, then an empty line.
    pub fn from_perf_script(text: &str) -> Self {
        let mut flame = Self::default();
        let mut frames: Vec<String> = Vec::new();
        for line in text.lines().chain([""]) {
            if line.starts_with(char::is_whitespace) && !line.trim().is_empty() {
                frames.push(function(line.trim()));
            } else if line.trim().is_empty() && !frames.is_empty() {
                // Where unwinding ends, or jumps over a library without tables.
                flame.add(frames.drain(..).rev().filter(|function| function != "[unknown]"));
            }
        }
        flame
    }

    fn add(&mut self, path: impl Iterator<Item = String>) {
        let mut at = self;
        at.samples += 1;
        for function in path {
            at = at.callees.entry(function).or_default();
            at.samples += 1;
        }
    }

    /// Samples in all.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    fn depth(&self) -> usize {
        self.callees.values().map(|callee| 1 + callee.depth()).max().unwrap_or(0)
    }

    /// The picture: callers above, callees below, each as wide as its samples. Names and shares show when pointed at.
    pub fn to_svg(&self, title: &str) -> String {
        let height = TOP + ROW * (self.depth() as f64 + 1.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" \
             font-size=\"10\">\n<style>g rect{{stroke:white;stroke-width:0.4}}</style>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n<text x=\"{}\" y=\"18\" \
             text-anchor=\"middle\" font-size=\"14\">{} ({} samples)</text>\n",
            WIDTH / 2.0,
            escape(title),
            self.samples
        );
        self.draw(&mut svg, 0.0, 0, self.samples.max(1));
        svg + "</svg>\n"
    }

    fn draw(&self, svg: &mut String, mut x: f64, row: usize, all: u64) {
        let y = TOP + ROW * row as f64;
        for (name, callee) in &self.callees {
            let share = callee.samples as f64 / all as f64;
            let width = share * WIDTH;
            if width >= NARROWEST {
                let letters = (width / LETTER) as usize;
                let full: String = name.chars().take(NAME).collect();
                let shown: String = if letters >= 4 { name.chars().take(letters).collect() } else { String::new() };
                // A colour of its own for each name, the same in every picture.
                let hue =
                    name.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) % 50;
                let _ = writeln!(
                    svg,
                    "<g><title>{} {:.2} %</title><rect x=\"{x:.2}\" y=\"{y}\" width=\"{width:.2}\" height=\"{}\" \
                     fill=\"hsl({},80%,{}%)\"/><text x=\"{:.2}\" y=\"{}\">{}</text></g>",
                    escape(&full),
                    share * 100.0,
                    ROW - 1.0,
                    hue + 10,
                    60 + hue % 15,
                    x + 2.0,
                    y + 11.0,
                    escape(&shown)
                );
                callee.draw(svg, x, row + 1, all);
            }
            x += width;
        }
    }
}

/// `function` of a frame `address function+0x12 (library)`, without the hash that the compiler appends.
fn function(frame: &str) -> String {
    let rest = frame.split_once(' ').map_or(frame, |(_, rest)| rest);
    let name = rest.rsplit_once(" (").map_or(rest, |(name, _)| name);
    let name = match name.rsplit_once("+0x") {
        Some((name, offset)) if offset.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => name,
    };
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => name,
    };
    name.to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counted_by_their_paths() {
        let text = "bench 1 [000] 5.1: 1 cpu-clock:\n\
            \t    5581 inner<T>::call::h0123456789abcdef+0x1c (/bin/b)\n\
            \t    5582 main+0x3 (/bin/b)\n\
            \n\
            bench 1 [000] 5.2: 1 cpu-clock:\n\
            \t    5599 other::work+0x0 (/bin/b)\n\
            \t    5582 main+0x9 (/bin/b)\n\
            \t    7fff [unknown] (/lib/c)\n\
            \n";
        let flame = Flame::from_perf_script(text);
        assert_eq!((flame.samples(), flame.depth()), (2, 2));
        let main = &flame.callees["main"];
        assert_eq!(main.samples, 2);
        assert_eq!(main.callees.keys().collect::<Vec<_>>(), ["inner<T>::call", "other::work"]);
        let svg = flame.to_svg("a & b");
        assert!(
            svg.contains("a &amp; b (2 samples)") && svg.contains("<title>inner&lt;T&gt;::call 50.00 %</title>"),
            "{svg}"
        );
        assert!(svg.contains("x=\"600.00\" y=\"46\" width=\"600.00\""), "{svg}");
    }

    #[test]
    fn what_nobody_can_read_is_left_out() {
        let mut flame = Flame::default();
        (0..499).for_each(|_| flame.add(std::iter::once("n".repeat(NAME + 1))));
        flame.add(std::iter::once("readable".to_owned()));
        let svg = flame.to_svg("a");
        assert!(svg.contains(&format!("<title>{} 99.80 %</title>", "n".repeat(NAME))), "{svg}");
        assert!(svg.contains("<title>readable 0.20 %</title>"), "{svg}");
        flame.add(std::iter::once("n".to_owned()));
        assert!(!flame.to_svg("a").contains("readable"), "one of 501 is narrower");
    }
}
