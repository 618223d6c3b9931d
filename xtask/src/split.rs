//! A program in two parts: what runs until the first page fault is on the screen, and the rest.
//!
//! Nothing in the program's source says where the cut goes. A first run of the page, with a mark in every
//! function, tells which ones it needs ([`marked`]); all others move to a second module ([`in_two`]). The
//! two share memory, table and globals. Where the first part calls a function of the second, it goes through
//! the table; while the second part is not there, it asks JavaScript for it first, which loads it at once. So
//! the cut decides what is transferred when, and never what the program does.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context, Result, bail, ensure};
use walrus::{
    ConstExpr, ElementItems, ElementKind, ExportItem, FunctionBuilder, FunctionId, FunctionKind, GlobalId,
    GlobalKind, LocalFunction, Module, ModuleConfig, TableId, TypeId, ValType,
    ir::{self, UnaryOp, Value},
};

/// The module name under which the second part imports what it shares with the first.
const FIRST: &str = "first";
/// The import by which the first part asks for the second: module and name.
pub(crate) const ASK: (&str, &str) = ("rest", "now");
/// The first part's global that is 1 once the second is there.
const IS_THERE: &str = "rest";

/// The functions that a first run needs, by their index in the module.
pub(crate) type Needed = BTreeSet<usize>;

/// The parts of a program.
pub(crate) struct Parts {
    /// What is loaded at once.
    pub(crate) first: Vec<u8>,
    /// What is loaded once the first page fault is on the screen.
    pub(crate) rest: Vec<u8>,
}

fn parse(wasm: &[u8]) -> Result<Module> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
    config.parse(wasm).context("reading a WebAssembly module")
}

/// How the mark of a function is exported.
fn mark(index: usize) -> String {
    format!("ran{index}")
}

/// The program with a global for each function, exported under [`mark`], that turns from 0 to 1 when the
/// function is called.
pub(crate) fn marked(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = parse(wasm)?;
    let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    for id in functions {
        let zero = ConstExpr::Value(Value::I32(0));
        let global = module.globals.add_local(ValType::I32, true, false, zero);
        module.exports.add(&mark(id.index()), global);
        let function = module.funcs.get_mut(id).kind.unwrap_local_mut();
        let entry = function.entry_block();
        let mut body = function.builder_mut().instr_seq(entry);
        body.instr_at(0, ir::GlobalSet { global });
        body.instr_at(0, ir::Const { value: Value::I32(1) });
    }
    Ok(module.emit_wasm())
}

/// Reads the names of the marks that were set, separated by spaces.
pub(crate) fn needed(marks: &str) -> Result<Needed> {
    let index = |name: &str| name.strip_prefix("ran").and_then(|number| number.parse().ok());
    marks.split_whitespace().map(|name| index(name).with_context(|| format!("`{name}` is no mark"))).collect()
}

/// Cuts the program in two.
pub(crate) fn in_two(wasm: &[u8], needed: &Needed) -> Result<Parts> {
    let (mut first, mut rest) = (parse(wasm)?, parse(wasm)?);
    Cut::new(&first, needed)?.leave_first(&mut first);
    Cut::new(&rest, needed)?.leave_rest(&mut rest);
    Ok(Parts { first: first.emit_wasm(), rest: rest.emit_wasm() })
}

/// Where the cut goes; the same each time the same module is read.
struct Cut {
    /// The functions of the second part.
    late: HashSet<FunctionId>,
    /// Slots of the table, and the function of the second part that stands in each.
    slots: BTreeMap<u32, FunctionId>,
    /// The slot through which the first part calls a function of the second.
    ways: BTreeMap<FunctionId, u32>,
    /// Functions of the first part that the second one calls.
    shared: BTreeSet<FunctionId>,
    table: TableId,
    /// Size of the table with all slots.
    size: u64,
}

impl Cut {
    fn new(module: &Module, needed: &Needed) -> Result<Self> {
        let table = module.tables.main_function_table()?.context("the program has no table of functions")?;
        let mut cut = Self {
            late: late(module, needed),
            slots: BTreeMap::new(),
            ways: BTreeMap::new(),
            shared: BTreeSet::new(),
            table,
            size: module.tables.get(table).initial,
        };
        cut.find_slots(module)?;
        for (id, function) in module.funcs.iter_local() {
            let called = called_by(function);
            if cut.late.contains(&id) {
                cut.shared.extend(called.into_iter().filter(|other| !cut.late.contains(other)));
            } else {
                called.into_iter().for_each(|other| cut.add_way(other));
            }
        }
        for export in module.exports.iter() {
            if let ExportItem::Function(id) = export.item {
                cut.add_way(id);
            }
        }
        module.start.into_iter().for_each(|id| cut.add_way(id));
        Ok(cut)
    }

    /// Functions of the second part that stand in the table anyway are called through where they stand.
    fn find_slots(&mut self, module: &Module) -> Result<()> {
        for element in module.elements.iter() {
            let ElementKind::Active { table, offset } = &element.kind else { continue };
            let ElementItems::Functions(items) = &element.items else { continue };
            let ConstExpr::Value(Value::I32(offset)) = offset else { bail!("an offset is no number") };
            ensure!(*table == self.table, "functions stand in two tables");
            for (slot, &id) in (offset.cast_unsigned()..).zip(items) {
                if self.late.contains(&id) {
                    self.slots.insert(slot, id);
                    self.ways.entry(id).or_insert(slot);
                }
            }
        }
        Ok(())
    }

    /// Lets the first part call this function, if it belongs to the second.
    fn add_way(&mut self, id: FunctionId) {
        if self.late.contains(&id) && !self.ways.contains_key(&id) {
            let slot = u32::try_from(self.size).unwrap_or(u32::MAX);
            self.size += 1;
            self.slots.insert(slot, id);
            self.ways.insert(id, slot);
        }
    }

    fn leave_first(&self, module: &mut Module) {
        let table = module.tables.get_mut(self.table);
        table.initial = self.size;
        table.maximum = table.maximum.map(|maximum| maximum.max(self.size));
        let check = check(module);
        for &id in &self.late {
            let ty = module.funcs.get(id).ty();
            let thunk = match self.ways.get(&id) {
                Some(&slot) => thunk(module, ty, |body| {
                    body.i32_const(slot.cast_signed()).call(check).call_indirect(ty, self.table);
                }),
                // Nobody calls it.
                None => thunk(module, ty, |body| {
                    body.unreachable();
                }),
            };
            module.funcs.get_mut(id).kind = FunctionKind::Local(thunk);
        }
        for (name, item) in self.shared_items(module) {
            module.exports.add(&name, item);
        }
        walrus::passes::gc::run(module);
    }

    fn leave_rest(&self, module: &mut Module) {
        let exports: Vec<_> = module.exports.iter().map(walrus::Export::id).collect();
        exports.into_iter().for_each(|id| module.exports.delete(id));
        module.start = None;
        empty_memories_and_tables(module);
        for import in module.imports.iter_mut() {
            import.module = FIRST.into();
        }
        for (name, item) in self.shared_items(module) {
            import(module, &name, item);
        }
        let table = module.tables.get_mut(self.table);
        table.initial = self.size;
        table.maximum = table.maximum.map(|maximum| maximum.max(self.size));
        for (slot, functions) in rows(&self.slots) {
            let offset = ConstExpr::Value(Value::I32(slot.cast_signed()));
            let kind = ElementKind::Active { table: self.table, offset };
            let element = module.elements.add(kind, ElementItems::Functions(functions));
            module.tables.get_mut(self.table).elem_segments.insert(element);
        }
        walrus::passes::gc::run(module);
    }

    /// What the second part takes from the first, by name.
    fn shared_items(&self, module: &Module) -> Vec<(String, ExportItem)> {
        let functions = self.shared.iter().map(|&id| (format!("f{}", id.index()), ExportItem::Function(id)));
        let globals = module.globals.iter().map(|global| ExportItem::Global(global.id()));
        let memories = module.memories.iter().map(|memory| ExportItem::Memory(memory.id()));
        let tables = module.tables.iter().map(|table| ExportItem::Table(table.id()));
        let named = |(n, item): (usize, ExportItem)| (format!("x{n}"), item);
        // A global that was added to the first part comes last, and the second part does not need it.
        functions.chain(memories.chain(tables).chain(globals).enumerate().map(named)).collect()
    }
}

/// The functions that are not needed at first.
fn late(module: &Module, needed: &Needed) -> HashSet<FunctionId> {
    module.funcs.iter_local().map(|(id, _)| id).filter(|id| !needed.contains(&id.index())).collect()
}

/// The functions that this one calls or names.
fn called_by(function: &LocalFunction) -> BTreeSet<FunctionId> {
    #[derive(Default)]
    struct Calls(BTreeSet<FunctionId>);
    impl ir::Visitor<'_> for Calls {
        fn visit_function_id(&mut self, function: &FunctionId) {
            self.0.insert(*function);
        }
    }
    let mut calls = Calls::default();
    ir::dfs_in_order(&mut calls, function, function.entry_block());
    calls.0
}

/// A function of this type that hands its arguments to what `body` adds.
fn thunk(
    module: &mut Module,
    ty: TypeId,
    body: impl FnOnce(&mut walrus::InstrSeqBuilder<'_>),
) -> LocalFunction {
    let (parameters, results) = module.types.params_results(ty);
    let (parameters, results) = (parameters.to_vec(), results.to_vec());
    let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
    let arguments: Vec<_> = parameters.iter().map(|&ty| module.locals.add(ty)).collect();
    let mut instructions = builder.func_body();
    for &argument in &arguments {
        instructions.local_get(argument);
    }
    body(&mut instructions);
    builder.local_func(arguments)
}

/// The first part's function that sees to it that the second is there, and returns the slot it was given.
fn check(module: &mut Module) -> FunctionId {
    let nothing = module.types.add(&[], &[]);
    let (ask, _) = module.add_import_func(ASK.0, ASK.1, nothing);
    let is_there = is_there(module);
    let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[ValType::I32]);
    let slot = module.locals.add(ValType::I32);
    let mut body = builder.func_body();
    body.global_get(is_there).unop(UnaryOp::I32Eqz);
    body.if_else(
        None,
        |then| {
            then.call(ask);
        },
        |_| {},
    );
    body.local_get(slot);
    builder.finish(vec![slot], &mut module.funcs)
}

fn is_there(module: &mut Module) -> GlobalId {
    let zero = ConstExpr::Value(Value::I32(0));
    let global = module.globals.add_local(ValType::I32, true, false, zero);
    module.exports.add(IS_THERE, global);
    global
}

/// The first part fills both.
fn empty_memories_and_tables(module: &mut Module) {
    let data: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
    data.into_iter().for_each(|id| module.data.delete(id));
    let elements: Vec<_> = module.elements.iter().map(walrus::Element::id).collect();
    elements.into_iter().for_each(|id| module.elements.delete(id));
    module.memories.iter_mut().for_each(|memory| memory.data_segments.clear());
    module.tables.iter_mut().for_each(|table| table.elem_segments.clear());
}

/// Turns an item of the module into an import from the first part.
fn import(module: &mut Module, name: &str, item: ExportItem) {
    let old = match item {
        ExportItem::Function(id) => match &module.funcs.get(id).kind {
            FunctionKind::Import(function) => Some(function.import),
            _ => None,
        },
        ExportItem::Global(id) => match module.globals.get(id).kind {
            GlobalKind::Import(import) => Some(import),
            GlobalKind::Local(_) => None,
        },
        ExportItem::Memory(id) => module.memories.get(id).import,
        ExportItem::Table(id) => module.tables.get(id).import,
        ExportItem::Tag(_) => None,
    };
    if let Some(import) = old {
        module.imports.get_mut(import).name = name.into();
        return;
    }
    match item {
        ExportItem::Function(id) => {
            let import = module.imports.add(FIRST, name, id);
            let ty = module.funcs.get(id).ty();
            module.funcs.get_mut(id).kind = FunctionKind::Import(walrus::ImportedFunction { import, ty });
        }
        ExportItem::Global(id) => {
            module.globals.get_mut(id).kind = GlobalKind::Import(module.imports.add(FIRST, name, id));
        }
        ExportItem::Memory(id) => {
            module.memories.get_mut(id).import = Some(module.imports.add(FIRST, name, id));
        }
        ExportItem::Table(id) => {
            module.tables.get_mut(id).import = Some(module.imports.add(FIRST, name, id));
        }
        ExportItem::Tag(_) => {}
    }
}

/// Slots in a row: the first of them, and their functions.
fn rows(slots: &BTreeMap<u32, FunctionId>) -> Vec<(u32, Vec<FunctionId>)> {
    let mut rows: Vec<(u32, Vec<FunctionId>)> = Vec::new();
    for (&slot, &id) in slots {
        match rows.last_mut() {
            Some((first, row)) if *first as usize + row.len() == slot as usize => row.push(id),
            _ => rows.push((slot, vec![id])),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program whose exported function calls another one, directly; a third one stands in the table.
    fn program() -> Vec<u8> {
        let mut module = Module::default();
        module.memories.add_local(false, false, 1, None, None);
        let table = module.tables.add_local(false, 2, None, walrus::RefType::FUNCREF);
        let number = |module: &mut Module, value: i32| {
            let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[ValType::I32]);
            let argument = module.locals.add(ValType::I32);
            builder.func_body().local_get(argument).i32_const(value).binop(ir::BinaryOp::I32Add);
            builder.finish(vec![argument], &mut module.funcs)
        };
        let (called, pointed) = (number(&mut module, 1), number(&mut module, 2));
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
        builder.func_body().i32_const(7).call(called);
        let main = builder.finish(Vec::new(), &mut module.funcs);
        module.exports.add("main", main);
        let offset = ConstExpr::Value(Value::I32(1));
        let kind = ElementKind::Active { table, offset };
        let element = module.elements.add(kind, ElementItems::Functions(vec![pointed]));
        module.tables.get_mut(table).elem_segments.insert(element);
        module.emit_wasm()
    }

    fn index_of_main(wasm: &[u8]) -> usize {
        parse(wasm).unwrap().exports.get_func("main").unwrap().index()
    }

    fn imports(module: &Module) -> Vec<String> {
        module.imports.iter().map(|import| format!("{}.{}", import.module, import.name)).collect()
    }

    #[test]
    fn what_is_not_needed_stands_in_the_second_part_and_is_called_through_the_table() {
        let wasm = program();
        let parts = in_two(&wasm, &[index_of_main(&wasm)].into()).unwrap();
        // Reading validates, too.
        let (first, rest) = (parse(&parts.first).unwrap(), parse(&parts.rest).unwrap());
        assert_eq!(imports(&first), ["rest.now"]);
        assert!(first.exports.iter().any(|export| export.name == IS_THERE));
        assert_eq!(rest.funcs.iter_local().count(), 2);
        assert!(imports(&rest).iter().all(|name| name.starts_with("first.")), "{:?}", imports(&rest));
        let sizes: Vec<u64> =
            [&first, &rest].map(|module| module.tables.iter().next().unwrap().initial).into();
        assert_eq!(sizes, [3, 3], "one slot more, for the function that had none");
    }

    #[test]
    fn what_is_needed_stays() {
        let wasm = program();
        let all = parse(&wasm).unwrap().funcs.iter_local().map(|(id, _)| id.index()).collect();
        let parts = in_two(&wasm, &all).unwrap();
        assert_eq!(parse(&parts.rest).unwrap().funcs.iter_local().count(), 0);
        assert_eq!(parse(&parts.first).unwrap().funcs.iter_local().count(), 3, "nothing has to be asked for");
    }

    #[test]
    fn every_function_can_be_marked_and_marks_are_read() {
        let wasm = program();
        let marked = parse(&marked(&wasm).unwrap()).unwrap();
        let marks = marked.exports.iter().filter(|export| export.name.starts_with("ran")).count();
        assert_eq!(marks, 3);
        assert_eq!(needed("ran3 ran12\n").unwrap(), [3, 12].into());
        assert!(needed("ran3 main").is_err());
    }
}
