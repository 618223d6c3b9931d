//! A program in two parts: what runs until the first page fault is on the screen, and the rest.
//!
//! Nothing in the program's source says where the cut goes. A first run of the page, with a mark in every
//! function, tells which ones it needs ([`marked`]); all others move to a second module ([`in_two`]). The
//! two share memory, table and globals. Where the first part calls a function of the second, it goes through
//! the table; while the second part is not there, it asks JavaScript for it first, which loads it at once. So
//! the cut decides what is transferred when, and never what the program does.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
};

use crate::{
    cold::{self, Places},
    relocated::{Reach, References},
};
use anyhow::{Context, Result, bail, ensure};
use walrus::{
    ConstExpr, Data, DataId, DataKind, ElementItems, ElementKind, ExportItem, FunctionBuilder, FunctionId,
    FunctionKind, GlobalId, GlobalKind, LocalFunction, Module, ModuleConfig, TableId, TypeId, ValType,
    ir::{self, Instr, UnaryOp, Value},
};

/// The module name under which the second part imports what it shares with the first.
const FIRST: &str = "first";
/// The import by which the first part asks for the second: module and name.
pub(crate) const ASK: (&str, &str) = ("rest", "now");
/// The first part's global that is 1 once the second is there.
const IS_THERE: &str = "rest";

/// The functions that a first run needs, by their index in the module, and what is reached of each.
pub(crate) type Needed = BTreeMap<usize, Places>;

/// The parts of a program.
pub(crate) struct Parts {
    /// What is loaded at once.
    pub(crate) first: Vec<u8>,
    /// What is loaded once the first page fault is on the screen.
    pub(crate) rest: Vec<u8>,
    /// The names under which JavaScript gives functions, and what they are called in the first part.
    pub(crate) names: BTreeMap<String, String>,
}

fn parse(wasm: &[u8]) -> Result<Module> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
    config.parse(wasm).context("reading a WebAssembly module")
}

/// The program with a mark at each of its places.
pub(crate) fn marked(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = parse(wasm)?;
    cold::add_marks(&mut module);
    Ok(module.emit_wasm())
}

/// Reads the names of the marks that were set, separated by spaces.
pub(crate) fn needed(marks: &str) -> Result<Needed> {
    cold::reached(marks)
        .with_context(|| format!("what has run cannot be read: {}", &marks[..marks.len().min(80)]))
}

/// What the second part has of the functions of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twins {
    /// Nothing: it calls those of the first part.
    None,
    /// All of them, whole, and they are called from then on: a call from one part to the other takes longer, and so
    /// does what was moved out of the middle of a function.
    All,
}

/// Cuts the program in two; where it is known who refers to which data, the data too.
pub(crate) fn in_two(
    wasm: &[u8],
    needed: &Needed,
    references: Option<&References>,
    twins: Twins,
) -> Result<Parts> {
    let (mut first, known) = pruned(wasm, needed, twins)?;
    let reach = references.map(|references| references.reach(&numbers(&first, needed)));
    Cut::new(&first, needed, known)?.leave_first(&mut first, reach.as_ref());
    let (mut rest, known) = pruned(wasm, needed, twins)?;
    Cut::new(&rest, needed, known)?.leave_rest(&mut rest);
    if let Some(reach) = reach {
        move_data(&mut first, &mut rest, &reach.out_of_reach)?;
    }
    let names = shorten(&mut first);
    Ok(Parts { first: first.emit_wasm(), rest: rest.emit_wasm(), names })
}

/// Gives the functions that come from JavaScript names of a few letters: theirs end with digits that cannot be
/// compressed, and stand in two files.
fn shorten(module: &mut Module) -> BTreeMap<String, String> {
    let given = |import: &walrus::Import| import.module != ASK.0;
    let old: BTreeSet<String> =
        module.imports.iter().filter(|import| given(import)).map(|import| import.name.clone()).collect();
    let names: BTreeMap<_, _> =
        (0..).zip(old).map(|(number, old): (usize, _)| (old, format!("i{number}"))).collect();
    for import in module.imports.iter_mut().filter(|import| given(import)) {
        if let Some(name) = names.get(&import.name) {
            import.name.clone_from(name);
        }
    }
    names
}

/// What of these takes which way differs in the page from one visit to the next: where memory is given, a list grows,
/// and a task is woken. The worker does the same in each first visit.
const UNSTEADY: [&str; 5] = ["dlmalloc", "raw_vec", "scheduler", "vec_deque", "wasm_bindgen_futures"];

fn is_unsteady(name: Option<&str>, twins: Twins) -> bool {
    twins == Twins::None && name.is_none_or(|name| UNSTEADY.iter().any(|part| name.contains(part)))
}

/// The program with everything that is not needed in functions of its own, and the twins of those that are needed;
/// the same each time.
fn pruned(wasm: &[u8], needed: &Needed, twins: Twins) -> Result<(Module, BTreeMap<FunctionId, FunctionId>)> {
    let mut module = parse(wasm)?;
    let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    let places = functions.iter().filter_map(|&id| Some((id, needed.get(&id.index())?)));
    let places: Vec<_> = places.collect();
    let mut known = BTreeMap::new();
    if twins == Twins::All {
        known.extend(places.iter().map(|&(id, _)| (id, cold::twin(&mut module, id))));
    }
    for (id, places) in places {
        if !is_unsteady(module.funcs.get(id).name.as_deref(), twins) {
            cold::prune(&mut module, id, places);
        }
    }
    let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    for id in functions.into_iter().filter(|id| !needed.contains_key(&id.index())) {
        cold::call_others(module.funcs.get_mut(id).kind.unwrap_local_mut(), &known);
    }
    Ok((module, known))
}

/// Where the cut goes; the same each time the same module is read.
struct Cut {
    /// The functions of the second part.
    late: HashSet<FunctionId>,
    /// Slots of the table, and the function of the second part that stands in each.
    slots: BTreeMap<u32, FunctionId>,
    /// The slot through which the first part calls a function of the second.
    ways: BTreeMap<FunctionId, u32>,
    /// Functions of the second part that take the place of those of the first, once they are there.
    twins: BTreeMap<FunctionId, FunctionId>,
    /// Functions of the first part that the second one calls.
    shared: BTreeSet<FunctionId>,
    /// How large the functions were before the cut.
    sizes: BTreeMap<FunctionId, u64>,
    table: TableId,
    /// Size of the table with all slots.
    size: u64,
}

impl Cut {
    fn new(module: &Module, needed: &Needed, twins: BTreeMap<FunctionId, FunctionId>) -> Result<Self> {
        let table = module.tables.main_function_table()?.context("the program has no table of functions")?;
        let mut cut = Self {
            late: late(module, needed),
            slots: BTreeMap::new(),
            ways: BTreeMap::new(),
            twins,
            shared: BTreeSet::new(),
            sizes: module.funcs.iter_local().map(|(id, function)| (id, function.size())).collect(),
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
                } else if let Some(&twin) = self.twins.get(&id) {
                    self.slots.insert(slot, twin);
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

    fn leave_first(&self, module: &mut Module, reach: Option<&Reach>) {
        let table = module.tables.get_mut(self.table);
        table.initial = self.size;
        table.maximum = table.maximum.map(|maximum| maximum.max(self.size));
        let check = check(module);
        self.call_in_place(module, check);
        if let Some(reach) = reach {
            self.leave_out(module, reach);
        }
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

    /// Goes through the table where a function of the second part is called in one place only.
    fn call_in_place(&self, module: &mut Module, check: FunctionId) {
        let mut calls = BTreeMap::<FunctionId, usize>::new();
        for (id, function) in module.funcs.iter_local().filter(|(id, _)| !self.late.contains(id)) {
            for sequence in cold::sequences(function) {
                for (instruction, _) in &function.block(sequence).instrs {
                    if let Instr::Call(call) = instruction {
                        *calls.entry(call.func).or_default() += usize::from(id != call.func);
                    }
                }
            }
        }
        let called_once: BTreeMap<FunctionId, [Instr; 3]> = calls
            .into_iter()
            .filter(|&(_, count)| count == 1)
            .filter_map(|(id, _)| Some((id, *self.ways.get(&id)?)))
            .map(|(id, slot)| (id, self.through_table(module, id, slot, check)))
            .collect();
        let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
        for id in functions.into_iter().filter(|id| !self.late.contains(id)) {
            let function = module.funcs.get_mut(id).kind.unwrap_local_mut();
            for sequence in cold::sequences(function) {
                let instructions = &mut function.block_mut(sequence).instrs;
                let in_place = |instruction: &Instr| match instruction {
                    Instr::Call(call) => called_once.get(&call.func).cloned(),
                    _ => None,
                };
                *instructions = std::mem::take(instructions)
                    .into_iter()
                    .flat_map(|(instruction, at)| match in_place(&instruction) {
                        Some(three) => three.map(|instruction| (instruction, at)).into(),
                        None => vec![(instruction, at)],
                    })
                    .collect();
            }
        }
    }

    /// What calls a function of the second part.
    fn through_table(&self, module: &Module, id: FunctionId, slot: u32, check: FunctionId) -> [Instr; 3] {
        [
            ir::Const { value: Value::I32(slot.cast_signed()) }.into(),
            ir::Call { func: check }.into(),
            ir::CallIndirect { ty: module.funcs.get(id).ty(), table: self.table }.into(),
        ]
    }

    /// Takes functions of the second part out of slots that nobody can name before that part is there.
    fn leave_out(&self, module: &mut Module, reach: &Reach) {
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.func_body().unreachable();
        let nobody = builder.finish(Vec::new(), &mut module.funcs);
        for element in module.elements.iter_mut() {
            let ElementKind::Active { offset: ConstExpr::Value(Value::I32(offset)), .. } = element.kind
            else {
                continue;
            };
            let ElementItems::Functions(items) = &mut element.items else { continue };
            for (slot, id) in (offset.cast_unsigned()..).zip(items) {
                if self.late.contains(id) && !reach.slots.contains(&slot) {
                    *id = nobody;
                }
            }
        }
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
        let mut shared: Vec<FunctionId> = self.shared.iter().copied().collect();
        // They are written in the order of their sizes: numbers in a row compress well.
        shared.sort_by_key(|id| (std::cmp::Reverse(self.sizes.get(id).copied().unwrap_or(0)), *id));
        let functions =
            shared.into_iter().enumerate().map(|(n, id)| (format!("f{n}"), ExportItem::Function(id)));
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
    module.funcs.iter_local().map(|(id, _)| id).filter(|id| !needed.contains_key(&id.index())).collect()
}

/// The numbers in the functions that are needed that may be addresses or slots.
fn numbers(module: &Module, needed: &Needed) -> BTreeSet<u32> {
    #[derive(Default)]
    struct Numbers(BTreeSet<u32>);
    impl ir::Visitor<'_> for Numbers {
        fn visit_const(&mut self, constant: &ir::Const) {
            if let Value::I32(number) = constant.value {
                self.0.insert(number.cast_unsigned());
            }
        }
        fn visit_load(&mut self, load: &ir::Load) {
            self.0.extend(u32::try_from(load.arg.offset));
        }
        fn visit_store(&mut self, store: &ir::Store) {
            self.0.extend(u32::try_from(store.arg.offset));
        }
    }
    let mut numbers = Numbers::default();
    for (_, function) in module.funcs.iter_local().filter(|(id, _)| needed.contains_key(&id.index())) {
        ir::dfs_in_order(&mut numbers, function, function.entry_block());
    }
    numbers.0
}

/// Bytes between two pieces of data that are not worth a cut.
const LEAST_GAP: u32 = 12;

/// Moves what lies in these ranges to the second part, where it is put in its place when that part comes.
fn move_data(first: &mut Module, rest: &mut Module, late: &[Range<u32>]) -> Result<()> {
    let late: Vec<_> = late.iter().filter(|range| range.len() > LEAST_GAP as usize).collect();
    let segments: Vec<DataId> = first.data.iter().map(Data::id).collect();
    let memory = rest.memories.iter().next().context("the program has no memory")?.id();
    for id in segments {
        let (start, bytes) = segment(first.data.get(id))?;
        let end = start + u32::try_from(bytes.len())?;
        let mut kept_from = start;
        let mut pieces = Vec::new();
        for range in &late {
            let range = range.start.max(start)..range.end.min(end);
            if range.is_empty() {
                continue;
            }
            pieces.push((Part::First, kept_from..range.start));
            kept_from = range.end;
            pieces.push((Part::Rest, range));
        }
        pieces.push((Part::First, kept_from..end));
        let DataKind::Active { memory: own, .. } = first.data.get(id).kind else { continue };
        first.data.delete(id);
        first.memories.get_mut(own).data_segments.remove(&id);
        for (part, range) in pieces.into_iter().filter(|(_, range)| !range.is_empty()) {
            let value = bytes[(range.start - start) as usize..(range.end - start) as usize].to_vec();
            let (module, memory) = match part {
                Part::First => (&mut *first, own),
                Part::Rest => (&mut *rest, memory),
            };
            let offset = ConstExpr::Value(Value::I32(range.start.cast_signed()));
            let new = module.data.add(DataKind::Active { memory, offset }, value);
            module.memories.get_mut(memory).data_segments.insert(new);
        }
    }
    Ok(())
}

/// Which part something goes to.
enum Part {
    First,
    Rest,
}

/// Where a piece of data begins, and its bytes.
fn segment(data: &Data) -> Result<(u32, Vec<u8>)> {
    match &data.kind {
        DataKind::Active { offset: ConstExpr::Value(Value::I32(start)), .. } => {
            Ok((start.cast_unsigned(), data.value.clone()))
        }
        _ => bail!("data has no fixed address"),
    }
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

    fn cut(wasm: &[u8], needed: &Needed) -> Parts {
        in_two(wasm, needed, None, Twins::None).unwrap()
    }

    #[test]
    fn what_is_not_needed_stands_in_the_second_part_and_is_called_through_the_table() {
        let wasm = program();
        let parts = cut(&wasm, &[(index_of_main(&wasm), [0].into())].into());
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
        let all: Needed =
            parse(&wasm).unwrap().funcs.iter_local().map(|(id, _)| (id.index(), [0].into())).collect();
        let rest = |twins| {
            let parts = in_two(&wasm, &all, None, twins).unwrap();
            assert_eq!(parse(&parts.first).unwrap().funcs.iter_local().count(), 3, "nothing is asked for");
            parse(&parts.rest).unwrap().funcs.iter_local().count()
        };
        assert_eq!(rest(Twins::None), 0);
        assert_eq!(rest(Twins::All), 1, "the function that stands in the table has a twin there");
    }

    #[test]
    fn every_function_can_be_marked() {
        let wasm = program();
        let marked = parse(&marked(&wasm).unwrap()).unwrap();
        let marks = marked.exports.iter().filter(|export| export.name.starts_with("ran")).count();
        assert_eq!(marks, 3);
        assert!(needed("main").is_err());
    }
}
