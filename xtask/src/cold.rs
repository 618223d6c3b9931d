//! Functions that run in part: which of their places are reached ([`marked`]), and how what is not reached moves
//! to functions of its own ([`prune`]), so that it can stand in a second part of the program.
//!
//! Every sequence of instructions is entered at its beginning, so what is not reached of it is its end. That end
//! becomes a function that takes the local variables it reads, gives those it sets, and says how it was left: by
//! falling out of the sequence, by a branch, or by returning. The program does what it did.

use std::collections::{BTreeMap, BTreeSet};

use walrus::{
    ConstExpr, FunctionBuilder, FunctionId, InstrSeqBuilder, LocalFunction, LocalId, Module, ValType,
    ir::{self, BinaryOp, Instr, InstrSeqId, InstrSeqType, Value},
};

/// The places of a function that were reached, by their number; place 0 is its beginning.
pub(crate) type Places = BTreeSet<usize>;

/// An end that is smaller than this stays, in bytes: the call in its place would be as large.
const LEAST: usize = 9;

/// How a place is exported from a marked program.
fn mark(function: FunctionId, place: usize) -> String {
    format!("ran{}.{place}", function.index())
}

/// Reads the names of the marks that were set, separated by spaces: places by the index of their function.
pub(crate) fn reached(marks: &str) -> Option<BTreeMap<usize, Places>> {
    let mut reached = BTreeMap::<usize, Places>::new();
    for name in marks.split_whitespace() {
        let (function, place) = name.strip_prefix("ran")?.split_once('.')?;
        reached.entry(function.parse().ok()?).or_default().insert(place.parse().ok()?);
    }
    Some(reached)
}

/// Adds a global for each place, exported under [`mark`], that turns from 0 to 1 when the place is reached.
pub(crate) fn add_marks(module: &mut Module) {
    let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    for id in functions {
        let places = places(module.funcs.get(id).kind.unwrap_local());
        // From behind, so that what comes before stays where it is.
        for (number, place) in places.iter().enumerate().rev() {
            let zero = ConstExpr::Value(Value::I32(0));
            let global = module.globals.add_local(ValType::I32, true, false, zero);
            module.exports.add(&mark(id, number), global);
            let function = module.funcs.get_mut(id).kind.unwrap_local_mut();
            let mut body = function.builder_mut().instr_seq(place.sequence);
            body.instr_at(place.position, ir::GlobalSet { global });
            body.instr_at(place.position, ir::Const { value: Value::I32(1) });
        }
    }
}

/// Where it is to be seen whether a function's run comes there.
#[derive(Clone, Copy)]
struct Place {
    sequence: InstrSeqId,
    /// Before the instruction with this number.
    position: usize,
}

/// The places of a function, in the order in which they stand; those of one sequence in the order of their positions.
fn places(function: &LocalFunction) -> Vec<Place> {
    let mut places = vec![Place { sequence: function.entry_block(), position: 0 }];
    add_places(function, function.entry_block(), &mut places);
    places
}

fn add_places(function: &LocalFunction, sequence: InstrSeqId, places: &mut Vec<Place>) {
    let instructions = &function.block(sequence).instrs;
    for (position, (instruction, _)) in instructions.iter().enumerate() {
        if let Instr::IfElse(arms) = instruction {
            for arm in [arms.consequent, arms.alternative] {
                places.push(Place { sequence: arm, position: 0 });
            }
        }
        nested(instruction).into_iter().for_each(|inner| add_places(function, inner, places));
        if may_leave(instruction) && position + 1 < instructions.len() {
            places.push(Place { sequence, position: position + 1 });
        }
    }
}

/// Whether what stands behind the instruction may not be reached where the instruction is.
fn may_leave(instruction: &Instr) -> bool {
    matches!(instruction, Instr::BrIf(_)) || !nested(instruction).is_empty()
}

/// All sequences of a function.
pub(crate) fn sequences(function: &LocalFunction) -> Vec<InstrSeqId> {
    let mut sequences = vec![function.entry_block()];
    walk(function, function.entry_block(), 0, &mut |instruction| sequences.extend(nested(instruction)));
    sequences
}

/// The sequences inside an instruction.
fn nested(instruction: &Instr) -> Vec<InstrSeqId> {
    match instruction {
        Instr::Block(block) => vec![block.seq],
        Instr::Loop(block) => vec![block.seq],
        Instr::IfElse(arms) => vec![arms.consequent, arms.alternative],
        _ => Vec::new(),
    }
}

/// Moves what is not reached of a function to functions of their own.
pub(crate) fn prune(module: &mut Module, id: FunctionId, reached: &Places) {
    let function = module.funcs.get(id).kind.unwrap_local();
    let mut cold = BTreeMap::new();
    for (number, place) in places(function).into_iter().enumerate() {
        if !reached.contains(&number) {
            let position = cold.entry(place.sequence).or_insert(place.position);
            *position = place.position.min(*position);
        }
    }
    let shape = Shape::of(function);
    let mut ends = Vec::new();
    find(module, function, function.entry_block(), &cold, &mut ends);
    let ends: Vec<End> = ends.into_iter().filter_map(|end| End::new(module, function, &shape, end)).collect();
    for end in ends {
        end.move_out(module, id);
    }
}

/// A copy of a function, as a new function.
pub(crate) fn twin(module: &mut Module, id: FunctionId) -> FunctionId {
    let (parameters, results) = module.types.params_results(module.funcs.get(id).ty());
    let (parameters, results) = (parameters.to_vec(), results.to_vec());
    let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
    let function = module.funcs.get(id).kind.unwrap_local();
    let (from, to) = (function.entry_block(), builder.func_body_id());
    let mut copy = Copy { function, blocks: BTreeMap::from([(from, to)]), returned: None, returns_to: None };
    copy.copy(&mut builder, from, 0, to);
    let arguments = function.args.clone();
    builder.finish(arguments, &mut module.funcs)
}

/// Lets a function call others in the place of some.
pub(crate) fn call_others(function: &mut LocalFunction, others: &BTreeMap<FunctionId, FunctionId>) {
    struct Others<'a>(&'a BTreeMap<FunctionId, FunctionId>);
    impl ir::VisitorMut for Others<'_> {
        fn visit_function_id_mut(&mut self, function: &mut FunctionId) {
            if let Some(other) = self.0.get(function) {
                *function = *other;
            }
        }
    }
    let entry = function.entry_block();
    ir::dfs_pre_order_mut(&mut Others(others), function, entry);
}

/// Finds the ends of sequences that are not reached, outermost ones only.
fn find(
    module: &Module,
    function: &LocalFunction,
    sequence: InstrSeqId,
    cold: &BTreeMap<InstrSeqId, usize>,
    ends: &mut Vec<Place>,
) {
    let instructions = &function.block(sequence).instrs;
    let first = cold.get(&sequence).copied().unwrap_or(instructions.len());
    for (instruction, _) in &instructions[..first] {
        nested(instruction).into_iter().for_each(|inner| find(module, function, inner, cold, ends));
    }
    if let Some(position) = with_empty_stack(module, function, sequence, first) {
        ends.push(Place { sequence, position });
    }
}

/// The first position from `first` on where no operand of the sequence waits on the stack.
fn with_empty_stack(
    module: &Module,
    function: &LocalFunction,
    sequence: InstrSeqId,
    first: usize,
) -> Option<usize> {
    let instructions = &function.block(sequence).instrs;
    let mut height = 0_usize;
    for (position, (instruction, _)) in instructions.iter().enumerate() {
        if position >= first && height == 0 {
            return Some(position);
        }
        let (taken, given) = operands(module, function, instruction)?;
        height = height.checked_sub(taken)? + given;
    }
    None
}

/// How many operands an instruction takes and gives; nothing for instructions that no compiler of ours emits.
fn operands(module: &Module, function: &LocalFunction, instruction: &Instr) -> Option<(usize, usize)> {
    let called = |ty| {
        let (parameters, results) = module.types.params_results(ty);
        (parameters.len(), results.len())
    };
    Some(match instruction {
        Instr::Block(block) => (0, given(function, block.seq)?),
        Instr::Loop(block) => (0, given(function, block.seq)?),
        Instr::IfElse(arms) => (1, given(function, arms.consequent)?),
        Instr::Call(call) => called(module.funcs.get(call.func).ty()),
        Instr::CallIndirect(call) => {
            let (taken, given) = called(call.ty);
            (taken + 1, given)
        }
        Instr::LocalGet(_) | Instr::GlobalGet(_) | Instr::Const(_) | Instr::MemorySize(_) => (0, 1),
        Instr::LocalSet(_) | Instr::GlobalSet(_) | Instr::Drop(_) | Instr::BrIf(_) => (1, 0),
        Instr::LocalTee(_) | Instr::Unop(_) | Instr::Load(_) | Instr::MemoryGrow(_) => (1, 1),
        Instr::Binop(_) => (2, 1),
        Instr::Select(_) => (3, 1),
        Instr::Store(_) => (2, 0),
        Instr::MemoryCopy(_) | Instr::MemoryFill(_) => (3, 0),
        _ => return None,
    })
}

/// How many operands a sequence leaves.
fn given(function: &LocalFunction, sequence: InstrSeqId) -> Option<usize> {
    match function.block(sequence).ty {
        InstrSeqType::Simple(result) => Some(usize::from(result.is_some())),
        InstrSeqType::MultiValue(_) => None,
    }
}

/// What is to be known of a whole function.
struct Shape {
    loops: BTreeSet<InstrSeqId>,
    /// The sequences that are in a loop.
    repeated: BTreeSet<InstrSeqId>,
    /// How often each local variable is read.
    reads: BTreeMap<LocalId, usize>,
}

impl Shape {
    fn of(function: &LocalFunction) -> Self {
        let mut shape = Self { loops: BTreeSet::new(), repeated: BTreeSet::new(), reads: BTreeMap::new() };
        walk(function, function.entry_block(), 0, &mut |instruction| match instruction {
            Instr::Loop(block) => drop(shape.loops.insert(block.seq)),
            Instr::LocalGet(get) => *shape.reads.entry(get.local).or_default() += 1,
            _ => {}
        });
        for &sequence in &shape.loops {
            shape.repeated.insert(sequence);
            walk(function, sequence, 0, &mut |instruction| shape.repeated.extend(nested(instruction)));
        }
        shape
    }
}

/// Sees the instructions of a sequence from a position on, and those inside them, in order.
fn walk(function: &LocalFunction, sequence: InstrSeqId, from: usize, see: &mut impl FnMut(&Instr)) {
    for (instruction, _) in &function.block(sequence).instrs[from..] {
        see(instruction);
        nested(instruction).into_iter().for_each(|inner| walk(function, inner, 0, see));
    }
}

/// How an end is left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    To(InstrSeqId),
    Return,
    /// Falls out of the sequence.
    Through,
}

/// The end of a sequence, to be moved out.
struct End {
    place: Place,
    /// Local variables that it needs.
    takes: Vec<LocalId>,
    /// Local variables that it may have changed.
    gives: Vec<LocalId>,
    /// Falling out of it comes last.
    exits: Vec<Exit>,
    /// The value that it leaves behind, by either way.
    through: Option<ValType>,
    returned: Option<ValType>,
}

impl End {
    /// Nothing where the end cannot or need not be moved.
    fn new(module: &Module, function: &LocalFunction, shape: &Shape, place: Place) -> Option<Self> {
        let exits = exits(module, function, shape, place)?;
        let through = match function.block(place.sequence).ty {
            InstrSeqType::Simple(value) => value,
            InstrSeqType::MultiValue(ty) if place.sequence == function.entry_block() => single(module, ty)?,
            InstrSeqType::MultiValue(_) => return None,
        };
        let returned = single(module, function.ty())?;
        let comes_back = exits.iter().any(|exit| *exit != Exit::Return);
        let locals = Locals::of(function, place);
        let count =
            |reads: &BTreeMap<LocalId, usize>, local: &LocalId| reads.get(local).copied().unwrap_or(0);
        let needed = |local: &LocalId| !locals.set_first.contains(local);
        // In a loop the next round may be read what this one has set.
        let read_again = |local: &LocalId| {
            shape.repeated.contains(&place.sequence) && locals.reads.contains_key(local) && needed(local)
        };
        let read_behind = |local: &LocalId| {
            let elsewhere = count(&shape.reads, local) > count(&locals.reads, local);
            comes_back && (elsewhere || read_again(local))
        };
        let gives: Vec<LocalId> = locals.set.iter().copied().filter(read_behind).collect();
        let takes: BTreeSet<LocalId> = locals.reads.keys().chain(&gives).copied().filter(needed).collect();
        let end = Self {
            place,
            takes: takes.into_iter().collect(),
            gives,
            through: through.filter(|_| exits.contains(&Exit::Through)),
            returned: returned.filter(|_| exits.contains(&Exit::Return)),
            exits,
        };
        (size(function, place) >= LEAST + end.cost()).then_some(end)
    }

    /// About how many bytes stand in the place of the end.
    fn cost(&self) -> usize {
        // The way out is told where there are several.
        let ways = 7 * self.exits.len().saturating_sub(1);
        2 * self.takes.len() + 2 * self.gives.len() + ways
    }

    /// Puts a call of a new function in the place of the end.
    fn move_out(&self, module: &mut Module, id: FunctionId) {
        let [through, returned, way] =
            [self.through, self.returned, self.way()].map(|value| value.map(|ty| module.locals.add(ty)));
        let results = Results { through, returned, way };
        let new = self.function(module, id, &results);
        let function = module.funcs.get_mut(id).kind.unwrap_local_mut();
        let Place { sequence, position } = self.place;
        function.block_mut(sequence).instrs.truncate(position);
        let mut body = function.builder_mut().instr_seq(sequence);
        for &local in &self.takes {
            body.local_get(local);
        }
        body.call(new);
        for local in self.results(&results).into_iter().rev() {
            body.local_set(local);
        }
        self.go_on(&mut body, &results);
    }

    /// The type of the number that says how the end was left, if there is more than one way.
    fn way(&self) -> Option<ValType> {
        (self.exits.len() > 1).then_some(ValType::I32)
    }

    /// What the new function gives, in order.
    fn results(&self, results: &Results) -> Vec<LocalId> {
        let more = [results.through, results.returned, results.way].into_iter().flatten();
        self.gives.iter().copied().chain(more).collect()
    }

    /// Goes where the end went.
    fn go_on(&self, body: &mut InstrSeqBuilder<'_>, results: &Results) {
        let Some((last, others)) = self.exits.split_last() else {
            body.unreachable();
            return;
        };
        for (number, exit) in (0..).zip(others) {
            if let Some(way) = results.way {
                body.local_get(way);
            }
            body.i32_const(number).binop(BinaryOp::I32Eq);
            match *exit {
                Exit::To(target) => drop(body.br_if(target)),
                Exit::Return | Exit::Through => drop(body.if_else(
                    None,
                    |then| {
                        if let Some(value) = results.returned {
                            then.local_get(value);
                        }
                        then.return_();
                    },
                    |_| {},
                )),
            }
        }
        match *last {
            Exit::To(target) => drop(body.br(target)),
            Exit::Return => {
                if let Some(value) = results.returned {
                    body.local_get(value);
                }
                body.return_();
            }
            Exit::Through => {
                if let Some(value) = results.through {
                    body.local_get(value);
                }
            }
        }
    }

    /// The new function. For each way out but the last there is a block around what was moved, and behind the
    /// block's end the number of the way is noted.
    fn function(&self, module: &mut Module, id: FunctionId, results: &Results) -> FunctionId {
        let types = |locals: &[LocalId]| -> Vec<ValType> {
            locals.iter().map(|&local| module.locals.get(local).ty()).collect()
        };
        let given = self.results(results);
        let (parameters, given_types) = (types(&self.takes), types(&given));
        let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &given_types);
        let mut copy = Copy {
            function: module.funcs.get(id).kind.unwrap_local(),
            blocks: BTreeMap::new(),
            returned: results.returned,
            returns_to: None,
        };
        let outermost = builder.dangling_instr_seq(None).id();
        let mut inner = builder.dangling_instr_seq(None).id();
        let innermost = inner;
        let out = Instr::from(ir::Br { block: outermost });
        for (number, exit) in (0..).zip(&self.exits) {
            match *exit {
                Exit::To(target) => drop(copy.blocks.insert(target, inner)),
                Exit::Return => copy.returns_to = Some(inner),
                Exit::Through => break,
            }
            let around = builder.dangling_instr_seq(None).id();
            let mut body = builder.instr_seq(around);
            body.instr(ir::Block { seq: inner });
            if let Some(way) = results.way {
                body.i32_const(number).local_set(way);
            }
            body.instr(out.clone());
            inner = around;
        }
        copy.copy(&mut builder, self.place.sequence, self.place.position, innermost);
        if self.exits.contains(&Exit::Through) {
            let mut body = builder.instr_seq(innermost);
            if let Some(value) = results.through {
                body.local_set(value);
            }
            let number = i32::try_from(self.exits.len() - 1).unwrap_or(i32::MAX);
            if let Some(way) = results.way {
                body.i32_const(number).local_set(way);
            }
            body.instr(out);
        }
        builder.instr_seq(outermost).instr(ir::Block { seq: inner });
        if self.exits.is_empty() {
            builder.instr_seq(outermost).unreachable();
        }
        let mut body = builder.func_body();
        body.instr(ir::Block { seq: outermost });
        for &local in &given {
            body.local_get(local);
        }
        builder.finish(self.takes.clone(), &mut module.funcs)
    }
}

/// Local variables for what is given beside the end's own.
struct Results {
    through: Option<LocalId>,
    returned: Option<LocalId>,
    /// The number of the way out, where there are several.
    way: Option<LocalId>,
}

/// Copies instructions to another function.
struct Copy<'a> {
    function: &'a LocalFunction,
    /// Where a branch to a block goes in the copy.
    blocks: BTreeMap<InstrSeqId, InstrSeqId>,
    /// Where the value is put that is returned, and where a branch goes instead of returning.
    returned: Option<LocalId>,
    returns_to: Option<InstrSeqId>,
}

impl Copy<'_> {
    fn copy(&mut self, builder: &mut FunctionBuilder, from: InstrSeqId, position: usize, to: InstrSeqId) {
        let function = self.function;
        for (instruction, _) in &function.block(from).instrs[position..] {
            for instruction in self.copied(builder, instruction) {
                builder.instr_seq(to).instr(instruction);
            }
        }
    }

    fn copied(&mut self, builder: &mut FunctionBuilder, instruction: &Instr) -> Vec<Instr> {
        let to = |block: &InstrSeqId| self.blocks.get(block).copied().unwrap_or(*block);
        vec![match instruction {
            Instr::Br(branch) => ir::Br { block: to(&branch.block) }.into(),
            Instr::BrIf(branch) => ir::BrIf { block: to(&branch.block) }.into(),
            Instr::BrTable(table) => {
                let blocks = table.blocks.iter().map(to).collect();
                ir::BrTable { blocks, default: to(&table.default) }.into()
            }
            Instr::Return(_) if self.returns_to.is_some() => {
                let value = self.returned.map(|local| ir::LocalSet { local }.into());
                let out = self.returns_to.map(|block| ir::Br { block }.into());
                return value.into_iter().chain(out).collect();
            }
            Instr::Block(block) => ir::Block { seq: self.sequence(builder, block.seq) }.into(),
            Instr::Loop(block) => ir::Loop { seq: self.sequence(builder, block.seq) }.into(),
            Instr::IfElse(arms) => ir::IfElse {
                consequent: self.sequence(builder, arms.consequent),
                alternative: self.sequence(builder, arms.alternative),
            }
            .into(),
            other => other.clone(),
        }]
    }

    fn sequence(&mut self, builder: &mut FunctionBuilder, from: InstrSeqId) -> InstrSeqId {
        let to = builder.dangling_instr_seq(self.function.block(from).ty).id();
        self.blocks.insert(from, to);
        self.copy(builder, from, 0, to);
        to
    }
}

/// The one result of a type, or none; nothing where it has several.
fn single(module: &Module, ty: walrus::TypeId) -> Option<Option<ValType>> {
    match module.types.results(ty) {
        [] => Some(None),
        [value] => Some(Some(*value)),
        _ => None,
    }
}

/// The ways out of an end; nothing where it has instructions that are not known here.
fn exits(module: &Module, function: &LocalFunction, shape: &Shape, place: Place) -> Option<Vec<Exit>> {
    let (mut inside, mut targets, mut are_known) = (BTreeSet::new(), BTreeSet::new(), true);
    let mut returns = false;
    walk(function, place.sequence, place.position, &mut |instruction| {
        inside.extend(nested(instruction));
        match instruction {
            Instr::Br(branch) => drop(targets.insert(branch.block)),
            Instr::BrIf(branch) => drop(targets.insert(branch.block)),
            Instr::BrTable(table) => targets.extend(table.blocks.iter().chain([&table.default])),
            Instr::Return(_) => returns = true,
            Instr::Unreachable(_) => {}
            other => are_known &= operands(module, function, other).is_some(),
        }
    });
    let mut exits: Vec<Exit> = targets.difference(&inside).copied().map(Exit::To).collect();
    let carries_nothing = |target: InstrSeqId| {
        target != function.entry_block()
            && (shape.loops.contains(&target) || given(function, target) == Some(0))
    };
    let are_simple = exits.iter().all(|exit| matches!(*exit, Exit::To(target) if carries_nothing(target)));
    exits.extend(returns.then_some(Exit::Return));
    let last = function.block(place.sequence).instrs.last().map(|(instruction, _)| instruction);
    let stops =
        matches!(last, Some(Instr::Unreachable(_) | Instr::Br(_) | Instr::BrTable(_) | Instr::Return(_)));
    exits.extend((!stops).then_some(Exit::Through));
    (are_known && are_simple).then_some(exits)
}

/// The local variables of an end.
#[derive(Default)]
struct Locals {
    reads: BTreeMap<LocalId, usize>,
    set: BTreeSet<LocalId>,
    /// Those that are set before they are read, whatever happens.
    set_first: BTreeSet<LocalId>,
}

impl Locals {
    fn of(function: &LocalFunction, place: Place) -> Self {
        let mut locals = Self::default();
        let (mut ways, instructions) = (0, &function.block(place.sequence).instrs[place.position..]);
        for (instruction, _) in instructions {
            // Behind the first branch it depends.
            if let (0, Instr::LocalSet(ir::LocalSet { local }) | Instr::LocalTee(ir::LocalTee { local })) =
                (ways, instruction)
                && !locals.reads.contains_key(local)
            {
                locals.set_first.insert(*local);
            }
            locals.see(instruction);
            ways += usize::from(may_leave(instruction));
            for inner in nested(instruction) {
                walk(function, inner, 0, &mut |instruction| locals.see(instruction));
            }
        }
        locals
    }

    fn see(&mut self, instruction: &Instr) {
        match instruction {
            Instr::LocalGet(get) => *self.reads.entry(get.local).or_default() += 1,
            Instr::LocalSet(set) => drop(self.set.insert(set.local)),
            Instr::LocalTee(tee) => drop(self.set.insert(tee.local)),
            _ => {}
        }
    }
}

/// About how many bytes an end takes.
fn size(function: &LocalFunction, place: Place) -> usize {
    let mut bytes = 0;
    walk(function, place.sequence, place.position, &mut |instruction| {
        bytes += match instruction {
            Instr::Const(value) => match value.value {
                Value::I32(number) => 1 + length(number.into()),
                Value::I64(number) => 1 + length(number),
                Value::F32(_) => 5,
                Value::F64(_) => 9,
                _ => 1,
            },
            Instr::Load(load) => 2 + length(load.arg.offset.cast_signed()),
            Instr::Store(store) => 2 + length(store.arg.offset.cast_signed()),
            Instr::Binop(_) | Instr::Unop(_) | Instr::Select(_) | Instr::Drop(_) | Instr::Return(_) => 1,
            Instr::BrTable(table) => 3 + table.blocks.len(),
            Instr::LocalGet(_) | Instr::LocalSet(_) | Instr::LocalTee(_) | Instr::Br(_) | Instr::BrIf(_) => 2,
            _ => 3,
        };
    });
    bytes
}

/// The bytes of a number in LEB128.
const fn length(number: i64) -> usize {
    let magnitude = if number < 0 { !number } else { number };
    (64 - magnitude.leading_zeros() as usize) / 7 + 1
}

#[cfg(test)]
mod tests {
    use walrus::ModuleConfig;

    use super::*;

    /// `f(n)`: in a loop, where `n` is not 0, does something large with a local variable that nobody else reads.
    fn program() -> (Module, FunctionId) {
        let mut module = Module::default();
        let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[ValType::I32]);
        let [argument, kept] = [0; 2].map(|_| module.locals.add(ValType::I32));
        builder.func_body().loop_(None, |round| {
            let again = round.id();
            round.block(None, |rare| {
                let out = rare.id();
                rare.local_get(argument).unop(ir::UnaryOp::I32Eqz).br_if(out);
                for number in 1000..1020 {
                    rare.local_get(kept).i32_const(number).binop(BinaryOp::I32Add).local_set(kept);
                }
                rare.local_get(kept).local_set(argument).br(again);
            });
        });
        builder.func_body().local_get(argument);
        let id = builder.finish(vec![argument], &mut module.funcs);
        module.exports.add("f", id);
        (module, id)
    }

    fn signature(module: &Module, id: FunctionId) -> (usize, usize) {
        let (parameters, results) = module.types.params_results(module.funcs.get(id).ty());
        (parameters.len(), results.len())
    }

    #[test]
    fn what_is_not_reached_becomes_a_function() {
        let (mut module, id) = program();
        // The beginning, and what is behind the loop and behind the block.
        let everything = places(module.funcs.get(id).kind.unwrap_local());
        assert_eq!(everything.len(), 3);
        prune(&mut module, id, &[0, 2].into());
        let new = module.funcs.iter_local().map(|(id, _)| id).find(|&other| other != id).unwrap();
        // The next round reads what this one has set, though nothing else does.
        assert_eq!(signature(&module, new), (1, 2));
        ModuleConfig::new().parse(&module.emit_wasm()).expect("it is valid");
    }

    #[test]
    fn what_is_reached_stays_where_it_is() {
        let (mut module, id) = program();
        prune(&mut module, id, &[0, 1, 2].into());
        assert_eq!(module.funcs.iter_local().count(), 1);
    }

    #[test]
    fn a_twin_has_the_same_instructions() {
        let (mut module, id) = program();
        let other = twin(&mut module, id);
        let size = |id| module.funcs.get(id).kind.unwrap_local().size();
        assert_eq!(size(id), size(other));
        assert_eq!(signature(&module, id), signature(&module, other));
        ModuleConfig::new().parse(&module.emit_wasm()).expect("it is valid");
    }

    #[test]
    fn marks_tell_which_places_were_reached() {
        let (mut module, id) = program();
        add_marks(&mut module);
        let marks = module.exports.iter().filter(|export| export.name.starts_with("ran")).count();
        assert_eq!(marks, 3);
        let reached = reached(&format!("{} {}\n", mark(id, 0), mark(id, 2))).unwrap();
        assert_eq!(reached, [(id.index(), [0, 2].into())].into());
        assert_eq!(super::reached("main"), None);
    }
}
