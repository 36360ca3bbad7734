//! A reader of the pickles that PyTorch writes, which executes nothing.
//!
//! A pickle is a program for a stack machine. This one builds values only: a `GLOBAL` is a name on the stack, `REDUCE` is a call record, and
//! neither is ever looked up. [`torch_file`](super::torch_file) then recognises the few calls that stand for tensors and refuses all others by
//! name. Opcodes: protocol 2 to 5 as far as PyTorch uses them (CPython's `Lib/pickletools.py`).

use std::collections::HashMap;
use std::rc::Rc;

/// A value on the stack.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    /// An integer too large for 64 bits: little-endian two's complement.
    Long(Vec<u8>),
    Float,
    Text(Rc<str>),
    Bytes,
    Tuple(Rc<Vec<Value>>),
    /// Index into [`Machine::lists`]: lists are filled after they were memoised.
    List(usize),
    /// Index into [`Machine::dicts`].
    Dict(usize),
    /// `module.name`, never imported.
    Global(Rc<str>),
    /// A call that was asked for, never made: callable and arguments.
    Call(Rc<(Value, Value)>),
    /// What `persistent_id` stands for: a storage.
    Persistent(Rc<Value>),
    Mark,
}

/// The stack machine over one pickle, and the containers it built.
#[derive(Debug, Default)]
pub(super) struct Machine {
    pub lists: Vec<Vec<Value>>,
    pub dicts: Vec<Vec<(Value, Value)>>,
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
}

impl Value {
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_size(&self) -> Option<usize> {
        match self {
            Value::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    pub fn as_tuple(&self) -> Option<&[Value]> {
        match self {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_global(&self) -> Option<&str> {
        match self {
            Value::Global(name) => Some(name),
            _ => None,
        }
    }
}

/// Most values a pickle may build; a checkpoint needs some tens of thousands.
const MAX_VALUES: usize = 1 << 24;

impl Machine {
    /// Runs one pickle from the start of `bytes`; gives its value and how many bytes it took.
    pub fn run(&mut self, bytes: &[u8]) -> Result<(Value, usize), String> {
        let mut input = Input { bytes, position: 0 };
        self.stack.clear();
        self.memo.clear();
        loop {
            if self.stack.len() > MAX_VALUES {
                return Err("the pickle builds too many values".to_owned());
            }
            let at = input.position;
            let opcode = input.byte()?;
            match opcode {
                b'.' => return Ok((self.pop()?, input.position)),
                0x80 => drop(input.byte()?),
                0x95 => drop(input.take(8)?),
                b'(' => self.stack.push(Value::Mark),
                b'0' => drop(self.pop()?),
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Bool),
                0x89 => self.stack.push(Value::Bool),
                b'K' => self.push_int(&mut input, 1)?,
                b'M' => self.push_int(&mut input, 2)?,
                b'J' => {
                    let value = i32::from_le_bytes(input.array()?);
                    self.stack.push(Value::Int(value.into()));
                }
                0x8a => {
                    let length = input.byte()?.into();
                    let bytes = input.take(length)?;
                    self.stack.push(long(bytes));
                }
                b'G' => {
                    input.take(8)?;
                    self.stack.push(Value::Float);
                }
                0x8c => {
                    let length = input.byte()?.into();
                    self.push_text(&mut input, length)?;
                }
                b'X' => {
                    let length = input.length(4)?;
                    self.push_text(&mut input, length)?;
                }
                0x8d => {
                    let length = input.length(8)?;
                    self.push_text(&mut input, length)?;
                }
                b'U' => {
                    let length = input.byte()?.into();
                    self.push_text(&mut input, length)?;
                }
                b'T' => {
                    let length = input.length(4)?;
                    self.push_text(&mut input, length)?;
                }
                b'C' => {
                    let length = input.byte()?.into();
                    input.take(length)?;
                    self.stack.push(Value::Bytes);
                }
                b'B' => {
                    let length = input.length(4)?;
                    input.take(length)?;
                    self.stack.push(Value::Bytes);
                }
                b')' => self.push_tuple(Vec::new()),
                0x85..=0x87 => {
                    let from = self.stack.len().checked_sub((opcode - 0x84).into()).ok_or("stack underflow")?;
                    let items = self.stack.split_off(from);
                    self.push_tuple(items);
                }
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push_tuple(items);
                }
                b']' => self.push_list(Vec::new()),
                b'l' => {
                    let items = self.pop_to_mark()?;
                    self.push_list(items);
                }
                b'}' => self.push_dict(Vec::new()),
                b'd' => {
                    let items = self.pop_to_mark()?;
                    self.push_dict(pairs(items)?);
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend_list(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.extend_list(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.extend_dict(vec![(key, value)])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.extend_dict(pairs(items)?)?;
                }
                b'c' => {
                    let name = format!("{}.{}", input.line()?, input.line()?);
                    self.stack.push(Value::Global(name.into()));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Some(name), Some(module)) = (name.as_text(), module.as_text()) else {
                        return Err("a global without a name".to_owned());
                    };
                    self.stack.push(Value::Global(format!("{module}.{name}").into()));
                }
                b'R' | 0x81 => {
                    let arguments = self.pop()?;
                    let callable = self.pop()?;
                    let value = self.call(callable, arguments);
                    self.stack.push(value);
                }
                // The state of an object (`_metadata` of a state dict) says nothing about tensors.
                b'b' => drop(self.pop()?),
                b'Q' => {
                    let id = self.pop()?;
                    self.stack.push(Value::Persistent(Rc::new(id)));
                }
                b'q' => {
                    let slot = input.byte()?.into();
                    self.memoise(slot)?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(input.array()?);
                    self.memoise(slot)?;
                }
                0x94 => self.memoise(self.memo.len() as u32)?,
                b'h' => {
                    let slot = input.byte()?.into();
                    self.recall(slot)?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(input.array()?);
                    self.recall(slot)?;
                }
                other => return Err(format!("opcode {other:#04x} at byte {at} has no place in a checkpoint")),
            }
        }
    }

    /// `OrderedDict()` is a dict (it is filled afterwards); every other call stays a record.
    fn call(&mut self, callable: Value, arguments: Value) -> Value {
        if callable.as_global() == Some("collections.OrderedDict") && arguments.as_tuple().is_some_and(<[_]>::is_empty) {
            self.dicts.push(Vec::new());
            return Value::Dict(self.dicts.len() - 1);
        }
        Value::Call(Rc::new((callable, arguments)))
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "stack underflow".to_owned())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or("no mark on the stack")?;
        let items = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(items)
    }

    fn push_int(&mut self, input: &mut Input, width: usize) -> Result<(), String> {
        let value = input.length(width)?;
        self.stack.push(Value::Int(value as i64));
        Ok(())
    }

    fn push_text(&mut self, input: &mut Input, length: usize) -> Result<(), String> {
        let text = std::str::from_utf8(input.take(length)?).map_err(|_| "a string that is not UTF-8")?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn push_tuple(&mut self, items: Vec<Value>) {
        self.stack.push(Value::Tuple(Rc::new(items)));
    }

    fn push_list(&mut self, items: Vec<Value>) {
        self.lists.push(items);
        self.stack.push(Value::List(self.lists.len() - 1));
    }

    fn push_dict(&mut self, items: Vec<(Value, Value)>) {
        self.dicts.push(items);
        self.stack.push(Value::Dict(self.dicts.len() - 1));
    }

    fn extend_list(&mut self, items: Vec<Value>) -> Result<(), String> {
        match self.stack.last() {
            Some(Value::List(index)) => self.lists[*index].extend(items),
            _ => return Err("items for something that is no list".to_owned()),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: Vec<(Value, Value)>) -> Result<(), String> {
        match self.stack.last() {
            Some(Value::Dict(index)) => self.dicts[*index].extend(items),
            _ => return Err("entries for something that is no dict".to_owned()),
        }
        Ok(())
    }

    fn memoise(&mut self, slot: u32) -> Result<(), String> {
        let value = self.stack.last().ok_or("stack underflow")?.clone();
        self.memo.insert(slot, value);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), String> {
        let value = self.memo.get(&slot).ok_or_else(|| format!("memo {slot} was never set"))?;
        self.stack.push(value.clone());
        Ok(())
    }
}

fn pairs(items: Vec<Value>) -> Result<Vec<(Value, Value)>, String> {
    if items.len() % 2 == 1 {
        return Err("a dict entry without a value".to_owned());
    }
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// A little-endian two's complement integer of any length.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Long(bytes.to_vec());
    }
    let negative = bytes.last().is_some_and(|&byte| byte & 0x80 != 0);
    let mut extended = [if negative { 0xff } else { 0 }; 8];
    extended[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(extended))
}

struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.position.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| "the pickle ends in the middle".to_owned())?;
        let slice = &self.bytes[self.position..end];
        self.position = end;
        Ok(slice)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A little-endian unsigned number of `width` bytes.
    fn length(&mut self, width: usize) -> Result<usize, String> {
        let mut value = [0; 8];
        value[..width].copy_from_slice(self.take(width)?);
        usize::try_from(u64::from_le_bytes(value)).map_err(|_| "a length beyond the address space".to_owned())
    }

    /// Text up to the next line feed.
    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.position..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or("the pickle ends in the middle")?;
        self.position += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| "a name that is not UTF-8".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_and_memo() {
        // pickle.dumps({"a": [1, -2], "b": ("x", True)}, protocol=2)
        let bytes = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffeX\x01\x00\x00\x00bq\x03X\x01\x00\x00\x00xq\x04\x88\x86q\x05u.";
        let mut machine = Machine::default();
        let (value, used) = machine.run(bytes).unwrap();
        assert_eq!(used, bytes.len());
        let Value::Dict(index) = value else { panic!("{value:?}") };
        let dict = &machine.dicts[index];
        assert_eq!(dict[0].0.as_text(), Some("a"));
        let Value::List(list) = dict[0].1 else { panic!("{dict:?}") };
        assert!(matches!(machine.lists[list][..], [Value::Int(1), Value::Int(-2)]));
        assert_eq!(dict[1].1.as_tuple().unwrap()[0].as_text(), Some("x"));
    }

    #[test]
    fn nothing_is_executed_and_odd_opcodes_are_refused() {
        // os.system("true") stays a record.
        let (value, _) = Machine::default().run(b"cos\nsystem\n(X\x04\x00\x00\x00truetR.").unwrap();
        let Value::Call(call) = value else { panic!("{value:?}") };
        assert_eq!(call.0.as_global(), Some("os.system"));
        // INST (protocol 0) has no place here; cut pickles are errors.
        assert!(Machine::default().run(b"(ios\nsystem\n.").unwrap_err().contains("opcode 0x69"));
        for cut in 0..20 {
            assert!(Machine::default().run(&b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR."[..cut]).is_err());
        }
    }
}
