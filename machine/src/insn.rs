//! Instructions: what there is, how each is encoded, and the decoded form.
//!
//! One table names every instruction with its mnemonic, its format and the bits that are fixed. The
//! decoder ([`crate::decode`]), the disassembler ([`crate::disasm`]) and the executor
//! (`crate::exec`) all follow it.

/// How the fields of an instruction are laid out, and which bits tell it from others
/// (unprivileged specification, "RV32/64G Instruction Set Listings").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `rd, imm[31:12]`
    Upper,
    /// `rd, offset`: JAL.
    Jump,
    /// `rd, imm(rs1)`: JALR.
    JumpRegister,
    /// `rs1, rs2, offset`
    Branch,
    /// `rd, imm(rs1)`
    Load,
    /// `rs2, imm(rs1)`
    Store,
    /// `rd, rs1, imm`
    Immediate,
    /// `rd, rs1, shamt`: six bits of shift amount.
    Shift,
    /// `rd, rs1, shamt`: five bits.
    ShiftWord,
    /// `rd, rs1, rs2`
    Register,
    /// `rd, rs1`
    Unary,
    /// `rd, rs2, (rs1)`, with aq and rl.
    Atomic,
    /// `rd, (rs1)`, with aq and rl.
    LoadReserved,
    /// `frd, imm(rs1)`
    FloatLoad,
    /// `frs2, imm(rs1)`
    FloatStore,
    /// `frd, frs1, frs2, frs3`, rounded.
    FloatFused,
    /// `frd, frs1, frs2`, rounded.
    FloatRounded,
    /// `frd, frs1`, rounded.
    FloatUnary,
    /// `frd, frs1, frs2`
    FloatRegister,
    /// `rd, frs1, frs2`
    FloatCompare,
    /// `rd, frs1`, rounded.
    FloatToInteger,
    /// `frd, rs1`, rounded.
    FloatFromInteger,
    /// `rd, frs1`
    FloatToBits,
    /// `frd, rs1`
    FloatFromBits,
    /// `rd, csr, rs1`
    Csr,
    /// `rd, csr, zimm`
    CsrImmediate,
    /// `pred, succ`
    Fence,
    /// `rs1, rs2`: SFENCE.VMA and SINVAL.VMA.
    FenceVma,
    /// No operands; only the low fifteen bits count: FENCE.I.
    FenceI,
    /// No operands: every bit is fixed.
    Fixed,
}

impl Format {
    /// Whether the instruction needs the floating-point unit.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(
            self,
            Self::FloatLoad
                | Self::FloatStore
                | Self::FloatFused
                | Self::FloatRounded
                | Self::FloatUnary
                | Self::FloatRegister
                | Self::FloatCompare
                | Self::FloatToInteger
                | Self::FloatFromInteger
                | Self::FloatToBits
                | Self::FloatFromBits
        )
    }

    /// The bits of an instruction word that its encoding fixes.
    #[must_use]
    pub const fn mask(self) -> u32 {
        match self {
            Self::Upper | Self::Jump => 0x7f,
            Self::JumpRegister
            | Self::Branch
            | Self::Load
            | Self::Store
            | Self::Immediate
            | Self::FloatLoad
            | Self::FloatStore
            | Self::Csr
            | Self::CsrImmediate
            | Self::Fence
            | Self::FenceI => 0x707f,
            Self::Shift => 0xfc00_707f,
            Self::ShiftWord | Self::Register | Self::FloatRegister | Self::FloatCompare => 0xfe00_707f,
            Self::FloatFused => 0x0600_007f,
            Self::FloatRounded => 0xfe00_007f,
            Self::FloatUnary | Self::FloatToInteger | Self::FloatFromInteger => 0xfff0_007f,
            Self::FloatToBits | Self::FloatFromBits | Self::Unary => 0xfff0_707f,
            Self::Atomic => 0xf800_707f,
            Self::LoadReserved => 0xf9f0_707f,
            Self::FenceVma => 0xfe00_7fff,
            Self::Fixed => 0xffff_ffff,
        }
    }
}

/// One line of the instruction table.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// The instruction.
    pub op: Op,
    /// Its format.
    pub format: Format,
    /// The value of the bits under [`Format::mask`].
    pub bits: u32,
}

macro_rules! instructions {
    ($($op:ident $name:literal $format:ident $bits:literal)*) => {
        /// What an instruction does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each is named like its mnemonic")]
        pub enum Op {
            /// No instruction of this machine: raises an illegal-instruction exception.
            Illegal,
            /// Does nothing: a computation whose result goes to `x0`.
            Nop,
            /// `slti x0, x0, N`, the HINT that carries a tracepoint.
            Tracepoint,
            /// The first half of an instruction whose second half lies in the next page.
            CrossesPage,
            /// LD, at the head of a row of such with the same base register.
            LdRow,
            /// SD, at the head of a row.
            SdRow,
            $($op,)*
        }

        /// Every instruction, ordered by major opcode (bits 6:2).
        pub const ENCODINGS: &[Encoding] =
            &[$(Encoding { op: Op::$op, format: Format::$format, bits: $bits }),*];

        /// By the number of the instruction, those that are not in the table first.
        const FORMATS: [Format; 6 + ENCODINGS.len()] = [
            Format::Fixed,
            Format::Fixed,
            Format::Immediate,
            Format::Fixed,
            Format::Load,
            Format::Store,
            $(Format::$format),*
        ];

        impl Op {
            /// The mnemonic.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Illegal | Self::CrossesPage => "unimp",
                    Self::Nop => "nop",
                    Self::Tracepoint => "slti",
                    Self::LdRow => "ld",
                    Self::SdRow => "sd",
                    $(Self::$op => $name,)*
                }
            }

            /// The format of the operands.
            #[must_use]
            pub const fn format(self) -> Format {
                FORMATS[self as usize]
            }
        }
    };
}

instructions! {
    Lb "lb" Load 0x0000_0003
    Lh "lh" Load 0x0000_1003
    Lw "lw" Load 0x0000_2003
    Ld "ld" Load 0x0000_3003
    Lbu "lbu" Load 0x0000_4003
    Lhu "lhu" Load 0x0000_5003
    Lwu "lwu" Load 0x0000_6003

    Flw "flw" FloatLoad 0x0000_2007
    Fld "fld" FloatLoad 0x0000_3007

    Fence "fence" Fence 0x0000_000f
    FenceI "fence.i" FenceI 0x0000_100f

    Addi "addi" Immediate 0x0000_0013
    Slli "slli" Shift 0x0000_1013
    Slti "slti" Immediate 0x0000_2013
    Sltiu "sltiu" Immediate 0x0000_3013
    Xori "xori" Immediate 0x0000_4013
    Srli "srli" Shift 0x0000_5013
    Srai "srai" Shift 0x4000_5013
    Ori "ori" Immediate 0x0000_6013
    Andi "andi" Immediate 0x0000_7013
    Bseti "bseti" Shift 0x2800_1013
    Bclri "bclri" Shift 0x4800_1013
    Binvi "binvi" Shift 0x6800_1013
    Bexti "bexti" Shift 0x4800_5013
    Rori "rori" Shift 0x6000_5013
    Clz "clz" Unary 0x6000_1013
    Ctz "ctz" Unary 0x6010_1013
    Cpop "cpop" Unary 0x6020_1013
    SextB "sext.b" Unary 0x6040_1013
    SextH "sext.h" Unary 0x6050_1013
    OrcB "orc.b" Unary 0x2870_5013
    Rev8 "rev8" Unary 0x6b80_5013

    Auipc "auipc" Upper 0x0000_0017

    Addiw "addiw" Immediate 0x0000_001b
    Slliw "slliw" ShiftWord 0x0000_101b
    Srliw "srliw" ShiftWord 0x0000_501b
    Sraiw "sraiw" ShiftWord 0x4000_501b
    SlliUw "slli.uw" Shift 0x0800_101b
    Roriw "roriw" ShiftWord 0x6000_501b
    Clzw "clzw" Unary 0x6000_101b
    Ctzw "ctzw" Unary 0x6010_101b
    Cpopw "cpopw" Unary 0x6020_101b

    Sb "sb" Store 0x0000_0023
    Sh "sh" Store 0x0000_1023
    Sw "sw" Store 0x0000_2023
    Sd "sd" Store 0x0000_3023

    Fsw "fsw" FloatStore 0x0000_2027
    Fsd "fsd" FloatStore 0x0000_3027

    AmoaddW "amoadd.w" Atomic 0x0000_202f
    AmoswapW "amoswap.w" Atomic 0x0800_202f
    LrW "lr.w" LoadReserved 0x1000_202f
    ScW "sc.w" Atomic 0x1800_202f
    AmoxorW "amoxor.w" Atomic 0x2000_202f
    AmoorW "amoor.w" Atomic 0x4000_202f
    AmoandW "amoand.w" Atomic 0x6000_202f
    AmominW "amomin.w" Atomic 0x8000_202f
    AmomaxW "amomax.w" Atomic 0xa000_202f
    AmominuW "amominu.w" Atomic 0xc000_202f
    AmomaxuW "amomaxu.w" Atomic 0xe000_202f
    AmoaddD "amoadd.d" Atomic 0x0000_302f
    AmoswapD "amoswap.d" Atomic 0x0800_302f
    LrD "lr.d" LoadReserved 0x1000_302f
    ScD "sc.d" Atomic 0x1800_302f
    AmoxorD "amoxor.d" Atomic 0x2000_302f
    AmoorD "amoor.d" Atomic 0x4000_302f
    AmoandD "amoand.d" Atomic 0x6000_302f
    AmominD "amomin.d" Atomic 0x8000_302f
    AmomaxD "amomax.d" Atomic 0xa000_302f
    AmominuD "amominu.d" Atomic 0xc000_302f
    AmomaxuD "amomaxu.d" Atomic 0xe000_302f

    Add "add" Register 0x0000_0033
    Sub "sub" Register 0x4000_0033
    Sll "sll" Register 0x0000_1033
    Slt "slt" Register 0x0000_2033
    Sltu "sltu" Register 0x0000_3033
    Xor "xor" Register 0x0000_4033
    Srl "srl" Register 0x0000_5033
    Sra "sra" Register 0x4000_5033
    Or "or" Register 0x0000_6033
    And "and" Register 0x0000_7033
    Mul "mul" Register 0x0200_0033
    Mulh "mulh" Register 0x0200_1033
    Mulhsu "mulhsu" Register 0x0200_2033
    Mulhu "mulhu" Register 0x0200_3033
    Div "div" Register 0x0200_4033
    Divu "divu" Register 0x0200_5033
    Rem "rem" Register 0x0200_6033
    Remu "remu" Register 0x0200_7033
    Sh1add "sh1add" Register 0x2000_2033
    Sh2add "sh2add" Register 0x2000_4033
    Sh3add "sh3add" Register 0x2000_6033
    Andn "andn" Register 0x4000_7033
    Orn "orn" Register 0x4000_6033
    Xnor "xnor" Register 0x4000_4033
    Min "min" Register 0x0a00_4033
    Minu "minu" Register 0x0a00_5033
    Max "max" Register 0x0a00_6033
    Maxu "maxu" Register 0x0a00_7033
    Rol "rol" Register 0x6000_1033
    Ror "ror" Register 0x6000_5033
    Bset "bset" Register 0x2800_1033
    Bclr "bclr" Register 0x4800_1033
    Binv "binv" Register 0x6800_1033
    Bext "bext" Register 0x4800_5033

    Lui "lui" Upper 0x0000_0037

    Addw "addw" Register 0x0000_003b
    Subw "subw" Register 0x4000_003b
    Sllw "sllw" Register 0x0000_103b
    Srlw "srlw" Register 0x0000_503b
    Sraw "sraw" Register 0x4000_503b
    Mulw "mulw" Register 0x0200_003b
    Divw "divw" Register 0x0200_403b
    Divuw "divuw" Register 0x0200_503b
    Remw "remw" Register 0x0200_603b
    Remuw "remuw" Register 0x0200_703b
    AddUw "add.uw" Register 0x0800_003b
    Sh1addUw "sh1add.uw" Register 0x2000_203b
    Sh2addUw "sh2add.uw" Register 0x2000_403b
    Sh3addUw "sh3add.uw" Register 0x2000_603b
    Rolw "rolw" Register 0x6000_103b
    Rorw "rorw" Register 0x6000_503b
    ZextH "zext.h" Unary 0x0800_403b

    FmaddS "fmadd.s" FloatFused 0x0000_0043
    FmaddD "fmadd.d" FloatFused 0x0200_0043

    FmsubS "fmsub.s" FloatFused 0x0000_0047
    FmsubD "fmsub.d" FloatFused 0x0200_0047

    FnmsubS "fnmsub.s" FloatFused 0x0000_004b
    FnmsubD "fnmsub.d" FloatFused 0x0200_004b

    FnmaddS "fnmadd.s" FloatFused 0x0000_004f
    FnmaddD "fnmadd.d" FloatFused 0x0200_004f

    FaddS "fadd.s" FloatRounded 0x0000_0053
    FaddD "fadd.d" FloatRounded 0x0200_0053
    FsubS "fsub.s" FloatRounded 0x0800_0053
    FsubD "fsub.d" FloatRounded 0x0a00_0053
    FmulS "fmul.s" FloatRounded 0x1000_0053
    FmulD "fmul.d" FloatRounded 0x1200_0053
    FdivS "fdiv.s" FloatRounded 0x1800_0053
    FdivD "fdiv.d" FloatRounded 0x1a00_0053
    FsqrtS "fsqrt.s" FloatUnary 0x5800_0053
    FsqrtD "fsqrt.d" FloatUnary 0x5a00_0053
    FsgnjS "fsgnj.s" FloatRegister 0x2000_0053
    FsgnjD "fsgnj.d" FloatRegister 0x2200_0053
    FsgnjnS "fsgnjn.s" FloatRegister 0x2000_1053
    FsgnjnD "fsgnjn.d" FloatRegister 0x2200_1053
    FsgnjxS "fsgnjx.s" FloatRegister 0x2000_2053
    FsgnjxD "fsgnjx.d" FloatRegister 0x2200_2053
    FminS "fmin.s" FloatRegister 0x2800_0053
    FminD "fmin.d" FloatRegister 0x2a00_0053
    FmaxS "fmax.s" FloatRegister 0x2800_1053
    FmaxD "fmax.d" FloatRegister 0x2a00_1053
    FcvtSD "fcvt.s.d" FloatUnary 0x4010_0053
    FcvtDS "fcvt.d.s" FloatUnary 0x4200_0053
    FleS "fle.s" FloatCompare 0xa000_0053
    FleD "fle.d" FloatCompare 0xa200_0053
    FltS "flt.s" FloatCompare 0xa000_1053
    FltD "flt.d" FloatCompare 0xa200_1053
    FeqS "feq.s" FloatCompare 0xa000_2053
    FeqD "feq.d" FloatCompare 0xa200_2053
    FcvtWS "fcvt.w.s" FloatToInteger 0xc000_0053
    FcvtWD "fcvt.w.d" FloatToInteger 0xc200_0053
    FcvtWuS "fcvt.wu.s" FloatToInteger 0xc010_0053
    FcvtWuD "fcvt.wu.d" FloatToInteger 0xc210_0053
    FcvtLS "fcvt.l.s" FloatToInteger 0xc020_0053
    FcvtLD "fcvt.l.d" FloatToInteger 0xc220_0053
    FcvtLuS "fcvt.lu.s" FloatToInteger 0xc030_0053
    FcvtLuD "fcvt.lu.d" FloatToInteger 0xc230_0053
    FcvtSW "fcvt.s.w" FloatFromInteger 0xd000_0053
    FcvtDW "fcvt.d.w" FloatFromInteger 0xd200_0053
    FcvtSWu "fcvt.s.wu" FloatFromInteger 0xd010_0053
    FcvtDWu "fcvt.d.wu" FloatFromInteger 0xd210_0053
    FcvtSL "fcvt.s.l" FloatFromInteger 0xd020_0053
    FcvtDL "fcvt.d.l" FloatFromInteger 0xd220_0053
    FcvtSLu "fcvt.s.lu" FloatFromInteger 0xd030_0053
    FcvtDLu "fcvt.d.lu" FloatFromInteger 0xd230_0053
    FmvXW "fmv.x.w" FloatToBits 0xe000_0053
    FmvXD "fmv.x.d" FloatToBits 0xe200_0053
    FclassS "fclass.s" FloatToBits 0xe000_1053
    FclassD "fclass.d" FloatToBits 0xe200_1053
    FmvWX "fmv.w.x" FloatFromBits 0xf000_0053
    FmvDX "fmv.d.x" FloatFromBits 0xf200_0053

    Beq "beq" Branch 0x0000_0063
    Bne "bne" Branch 0x0000_1063
    Blt "blt" Branch 0x0000_4063
    Bge "bge" Branch 0x0000_5063
    Bltu "bltu" Branch 0x0000_6063
    Bgeu "bgeu" Branch 0x0000_7063

    Jalr "jalr" JumpRegister 0x0000_0067

    Jal "jal" Jump 0x0000_006f

    Ecall "ecall" Fixed 0x0000_0073
    Ebreak "ebreak" Fixed 0x0010_0073
    Sret "sret" Fixed 0x1020_0073
    Wfi "wfi" Fixed 0x1050_0073
    SfenceVma "sfence.vma" FenceVma 0x1200_0073
    SinvalVma "sinval.vma" FenceVma 0x1600_0073
    SfenceWInval "sfence.w.inval" Fixed 0x1800_0073
    SfenceInvalIr "sfence.inval.ir" Fixed 0x1810_0073
    Mret "mret" Fixed 0x3020_0073
    Csrrw "csrrw" Csr 0x0000_1073
    Csrrs "csrrs" Csr 0x0000_2073
    Csrrc "csrrc" Csr 0x0000_3073
    Csrrwi "csrrwi" CsrImmediate 0x0000_5073
    Csrrsi "csrrsi" CsrImmediate 0x0000_6073
    Csrrci "csrrci" CsrImmediate 0x0000_7073
}

/// A decoded instruction, eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Insn {
    /// What it does.
    pub op: Op,
    /// Destination register, `0..32`.
    pub rd: u8,
    /// First source register, or the five-bit immediate of a CSR instruction.
    pub rs1: u8,
    /// Second source register.
    pub rs2: u8,
    /// The immediate, sign-extended. For CSR instructions the CSR's number; for FENCE
    /// `fm << 8 | pred << 4 | succ`; for atomics `aq << 1 | rl`; for a tracepoint its number; for
    /// rounded floating-point instructions `rs3 << 3 | rm`.
    pub imm: i32,
}

impl Insn {
    /// An instruction without operands.
    #[must_use]
    pub const fn plain(op: Op) -> Self {
        Self { op, rd: 0, rs1: 0, rs2: 0, imm: 0 }
    }
}

/// Bytes of an instruction in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Two bytes.
    Compressed,
    /// Four bytes.
    Full,
}

impl Length {
    /// The length of the instruction whose first two bytes are `low` ("Base Instruction-Length
    /// Encoding"; longer encodings do not exist on this machine and decode as illegal).
    #[must_use]
    pub const fn of(low: u16) -> Self {
        if low & 0b11 == 0b11 { Self::Full } else { Self::Compressed }
    }

    /// Two or four.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Compressed => 2,
            Self::Full => 4,
        }
    }
}
