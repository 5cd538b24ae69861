use std::io::Write as _;

use super::*;

fn read(file: &[u8]) -> Result<(Vec<String>, Vec<Vec<String>>), BadSheet> {
    let table = read_now(file)?;
    let rows: Vec<Row> = rows(&table.plain).collect();
    assert_eq!(rows.len() as u64, table.rows);
    Ok((table.headers, rows.into_iter().map(|row| row.cells).collect()))
}

fn workbook(make: impl FnOnce(&mut rust_xlsxwriter::Worksheet)) -> Vec<u8> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    make(workbook.add_worksheet());
    workbook.save_to_buffer().unwrap()
}

/// An archive with one part.
fn archive(name: &str, size: usize) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    let block = vec![b' '; 1 << 20];
    for _ in 0..size >> 20 {
        archive.write_all(&block).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn separators_are_found_by_the_header() {
    for text in
        ["a,b\n1,2\n", "a;b\n1;2\n", "a\tb\r\n1\t2\r\n", "a|b\n1|2", "sep=;\na;b\n1;2", "\u{feff}a;b\n\n1;2\n;\n"]
    {
        let (headers, rows) = read(text.as_bytes()).unwrap();
        assert_eq!(
            (headers, rows),
            (vec!["a".to_owned(), "b".to_owned()], vec![vec!["1".to_owned(), "2".to_owned()]]),
            "{text:?}"
        );
    }
    let (headers, rows) = read(b"\"a;b\",c\n\"x\ny\",\"say \"\"hi\"\"\"\n").unwrap();
    assert_eq!((headers.len(), rows[0].clone()), (2, vec!["x\ny".to_owned(), "say \"hi\"".to_owned()]));
}

#[test]
fn texts_of_any_usual_encoding_are_read() {
    let utf16: Vec<u8> =
        std::iter::once(0xfeff_u16).chain("name\nŽofie 🦜\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&utf16).unwrap().1[0][0], "Žofie 🦜");
    assert_eq!(read(b"name\nJos\xe9 \x80\n").unwrap().1[0][0], "José €");
    assert_eq!(read("name\nשלום 李\n".as_bytes()).unwrap().1[0][0], "שלום 李");
}

#[test]
fn what_is_no_table_is_refused() {
    assert_eq!(read(b"").unwrap_err(), BadSheet::Empty);
    assert_eq!(read(b" \n,,\n").unwrap_err(), BadSheet::Empty);
    assert_eq!(read(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap_err(), BadSheet::NotASheet);
    assert_eq!(read(b"%PDF-1.7\n%\xe2\xe3\x01\n").unwrap_err(), BadSheet::NotASheet);
    assert_eq!(read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest").unwrap_err(), BadSheet::OldWorkbook);
    assert_eq!(read(b"PK\x03\x04not an archive").unwrap_err(), BadSheet::Damaged);
    assert_eq!(read(&archive("word/document.xml", 1 << 20)).unwrap_err(), BadSheet::Damaged);
}

#[test]
fn everything_has_a_limit() {
    assert_eq!(read(format!("a\n{}", "x\n".repeat(ROWS_MAX + 1)).as_bytes()).unwrap_err(), BadSheet::TooManyRows);
    assert_eq!(read(format!("a\n{}x", ",".repeat(COLUMNS_MAX)).as_bytes()).unwrap_err(), BadSheet::TooManyColumns(2));
    let torn = format!("a,b\n1,\"{}\"", "x,y\n".repeat(20_000));
    assert_eq!(read(torn.as_bytes()).unwrap_err(), BadSheet::LongCell(2));
    assert!(read(format!("a\n{}", "🦜".repeat(CELL_MAX)).as_bytes()).is_ok());
}

#[test]
fn a_quote_that_is_never_closed_swallows_no_rows() {
    for (text, line) in [
        ("a,b\n1,\"Acme\n2,Beta\n3,Gamma\n", 2),
        ("a,b\r\n\"x\r\ny\",1\r\n\r\n\"Acme,2\r\n", 5),
        ("sep=;\na;b\n1;\"Acme\n", 3),
        ("\"a,b\n1,2\n", 1),
        ("a\r1\r\"", 3),
        ("a\n\"say \"\"hi\"\"\n", 2),
        ("a,b\n1,\"\"\"\n2,x", 2),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap_err(), BadSheet::OpenQuote(line), "{text:?}");
    }
    // Inches, names between quotes, breaks within a closed cell: as people write them.
    for text in ["a,b\n5\" nail,1\n", "a,b\n\"x\n\ny\",\"\"", "a,b\n\"x\" and \"y,1", "a\n\"\"\"\"", "a,b\n1 , \"x\n"] {
        assert_eq!(read(text.as_bytes()).unwrap().1.len(), 1, "{text:?}");
    }
}

#[test]
fn a_bomb_is_measured_before_it_goes_off() {
    let bomb = archive("xl/worksheets/sheet1.xml", UNPACKED_MAX + (1 << 20));
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    assert_eq!(read(&bomb).unwrap_err(), BadSheet::TooLarge);
}

#[test]
fn a_sheet_that_claims_a_billion_cells_is_read_by_those_it_has() {
    let wide = workbook(|sheet| {
        sheet.write(0, 0, "name").unwrap();
        sheet.write(1_048_575, 0, "Ann").unwrap();
    });
    assert_eq!(read(&wide).unwrap().1, [["Ann"]]);
    let far = workbook(|sheet| {
        sheet.write(0, 0, "name").unwrap();
        sheet.write(3, 16_383, "x").unwrap();
    });
    assert_eq!(read(&far).unwrap_err(), BadSheet::TooManyColumns(4));
}

#[test]
fn cells_of_a_workbook_are_texts_as_people_see_them() {
    let file = workbook(|sheet| {
        sheet.write_row(0, 0, ["Name", "Phone", "Value", "Vip", "Sum", "When"]).unwrap();
        sheet.write_string(1, 0, "Žofie 🦜 שלום").unwrap();
        sheet.write_number(1, 1, 12_025_550_123.0).unwrap();
        sheet.write_number(1, 2, 1999.5).unwrap();
        sheet.write_boolean(1, 3, true).unwrap();
        sheet.write_formula(1, 4, rust_xlsxwriter::Formula::new("=1+1").set_result("2")).unwrap();
        let date = rust_xlsxwriter::ExcelDateTime::from_ymd(2026, 1, 31).unwrap();
        sheet
            .write_datetime_with_format(1, 5, &date, &rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd"))
            .unwrap();
    });
    let (headers, rows) = read(&file).unwrap();
    assert_eq!(headers, ["Name", "Phone", "Value", "Vip", "Sum", "When"]);
    assert_eq!(rows, [["Žofie 🦜 שלום", "12025550123", "1999.5", "true", "2", "2026-01-31"]]);
}
