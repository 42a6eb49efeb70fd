//! A project in a temporary folder.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use runner::spec::{Experiment, Request, SpecError, load};
use std::fs;
use tempfile::TempDir;

pub struct Project {
    folder: TempDir,
}

impl Project {
    /// A project with one pipeline, `pipelines/study.yaml`, and a small catalogue.
    pub fn new(pipeline: &str) -> Self {
        Project { folder: TempDir::new().unwrap() }
            .file("pipelines/study.yaml", pipeline)
            .file("experiments/training.yaml", "epochs: 450\nlearning_rate: { low: 1.0e-5, high: 1.0e-4 }\n")
            .file("experiments/methods/ours.yaml", "label: Ours\nwith: { gating: true, discriminator: multi_scale }\n")
            .file("experiments/methods/plain.yaml", "label: '#5'\nwith: { gating: false, discriminator: none }\n")
            .file("experiments/datasets/phantom.yaml", "kind: phantom\ncases: 12\nroot: null\n")
            .file("experiments/datasets/acdc.yaml", "kind: acdc\nroot: ${data_root}\n")
    }

    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn request(&self) -> Request {
        Request { pipeline: self.folder.path().join("pipelines/study.yaml"), ..Request::default() }
    }

    pub fn load(&self, profile: Option<&str>, set: &[&str]) -> Result<Experiment, SpecError> {
        let set = set.iter().map(|&argument| argument.to_owned()).collect();
        load(&Request { profile: profile.map(str::to_owned), set, ..self.request() })
    }
}

/// The one-line form and the form with the text, as people see them.
pub fn shown<E: Diagnostic>(error: &E) -> String {
    let mut report = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(110);
    handler.render_report(&mut report, error).unwrap();
    format!("{error}\n\n{report}")
}
