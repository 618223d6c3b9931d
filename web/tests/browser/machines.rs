//! Other machines than the usual one, in a real browser: four levels of page tables, several harts, a kernel that
//! tells nothing.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::support::host::Host;
use crate::support::{Bench, Page, on_the_page};
use lzma_rust2::{LzmaOptions, LzmaWriter};
use serde_json::{Value, json};

/// A copy of the site, gone when it is dropped.
struct Copy(PathBuf);

impl Copy {
    /// The site with the foreign kernel among its images.
    fn with_foreign_kernel(dist: &Path) -> Self {
        let copy = Self(std::env::temp_dir().join(format!("faultline-machines-{}", std::process::id())));
        copy_all(dist, &copy.0);
        let images =
            fs::read_dir(&copy.0).expect("it was copied").flatten().map(|entry| entry.path().join("images"));
        for images in images.filter(|folder| folder.is_dir()) {
            fs::write(images.join("foreign.elf.lzma"), packed(&crate::foreign::kernel()))
                .expect("the disk has room");
        }
        copy
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("the disk has room");
        for entry in fs::read_dir(from).expect("it can be read").flatten() {
            copy_all(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).expect("the disk has room");
    }
}

fn packed(image: &[u8]) -> Vec<u8> {
    let options = LzmaOptions::with_preset(6);
    let mut writer = LzmaWriter::new_use_header(Vec::new(), &options, Some(image.len() as u64))
        .expect("the options are valid");
    writer.write_all(image).expect("memory takes it");
    writer.finish().expect("memory takes it")
}

/// A register of the hart that is shown.
async fn register(page: &Page, name: &str) -> Value {
    page.eval(&format!(
        "[...document.querySelectorAll('.registers div')].find(each => each.querySelector('dt').textContent === {})?.querySelector('dd').textContent",
        json!(name)
    ))
    .await
}

#[test]
fn a_foreign_kernel_on_two_harts_with_four_levels_is_shown_by_every_pane() {
    on_the_page(async |mut page: Page, bench: Bench| {
        let copy = Copy::with_foreign_kernel(&bench.dist);
        let host = Host::start(copy.0.clone());
        page.url = host.url();
        page.open().await;
        page.eval(&format!(
            "document.body.dispatchEvent((t => (t.setData('text', {}), new ClipboardEvent('paste', {{clipboardData: t, bubbles: true, cancelable: true}})))(new DataTransfer()))",
            json!(crate::foreign::SCENARIO)
        ))
        .await;
        page.until("four levels", "!!document.querySelector('#fault-card .split.sv48')").await;
        page.until("the whole run", "document.querySelector('#mode-compare')?.disabled === false").await;
        for ordinal in 1..=2 {
            let title = page.text("#fault-card h2").await;
            assert!(title.contains(&format!("Page fault {ordinal} of 2")), "{title}");
            let labels = page
                .eval("[...document.querySelectorAll('.split .label')].map(each => each.textContent)")
                .await;
            assert_eq!(labels, json!(["63–48", "VPN[3]", "VPN[2]", "VPN[1]", "VPN[0]", "offset"]));
            let levels =
                "[...document.querySelectorAll('#walk [data-level]')].map(each => each.dataset.level)";
            assert_eq!(page.eval(levels).await, json!(["3", "2", "1", "0"]));
            assert!(page.text("#page-table .table-head").await.contains("user_pagetable, Sv48"));
            if ordinal == 1 {
                page.press("next-fault").await;
            }
        }
        // Either hart can be watched.
        page.eval("document.querySelector('#processes details').open = true").await;
        for hart in 0..2_u64 {
            let hart_number = usize::try_from(hart).expect("it is small");
            page.choose("harts", 1 + hart_number).await;
            let expected = json!(format!("{:#x}", crate::foreign::STORED + hart * 4096));
            page.until("its register", &format!("[...document.querySelectorAll('.registers div')].some(each => each.textContent.startsWith('a0') && each.textContent.includes({expected}))")).await;
        }
        assert_ne!(register(&page, "a0").await, Value::Null);
        nobody_tells_of_areas(&page).await;
        page
    });
}

/// The address space is what the page tables map.
async fn nobody_tells_of_areas(page: &Page) {
    let sentence = page.text("#address-space-sentence").await;
    assert!(sentence.contains("no process") && sentence.contains("Pages mapped: 1."), "{sentence}");
    let area = page.text("#runs .area").await;
    for word in ["r-x", "for programs", "0x1000 – 0x1fff"] {
        assert!(area.contains(word), "{area}");
    }
    page.click("#address-space-table").await;
    let rows = "[...document.querySelectorAll('#runs-rows tbody td')].map(each => each.textContent)";
    page.until("the table", "!!document.querySelector('#runs-rows')").await;
    assert_eq!(page.eval(rows).await, json!(["0x1000 – 0x1fff", "r-x", "for programs", "1"]));
}
