using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// Slots by index. An event's user_data is <c>generation &lt;&lt; 32 | slot</c>; the generation is drawn per post, so that an event of an
/// earlier post can never end a later one. Looking up takes no lock.
/// </summary>
internal sealed class OperationTable
{
    private readonly Lock _sync = new();
    private readonly Stack<uint> _free = new();
    private OperationSlot?[] _slots = new OperationSlot?[64];
    private uint _used;
    private uint _generation;

    /// <summary>Slots in use. For tests and leak checks.</summary>
    public int Count
    {
        get
        {
            lock (_sync)
                return (int)_used - _free.Count;
        }
    }

    public uint Add(OperationSlot slot)
    {
        lock (_sync)
        {
            if (!_free.TryPop(out var index))
            {
                index = _used++;
                if (index == _slots.Length)
                {
                    var larger = new OperationSlot?[_slots.Length * 2];
                    _slots.CopyTo(larger, 0);
                    Volatile.Write(ref _slots, larger);
                }
            }

            Volatile.Write(ref _slots[index], slot);
            return index;
        }
    }

    public void Remove(uint index)
    {
        lock (_sync)
        {
            _slots[index] = null;
            _free.Push(index);
        }
    }

    /// <summary>The user_data of the next post through this slot.</summary>
    public ulong NextUserData(uint index) => ((ulong)Interlocked.Increment(ref _generation) << 32) | index;

    /// <summary>Hands an event to its slot. Pump thread. Events of slots that are gone are ignored.</summary>
    public void Dispatch(in NativeEvent e)
    {
        var slots = Volatile.Read(ref _slots);
        var index = (uint)e.UserData;
        if (index < (uint)slots.Length)
            Volatile.Read(ref slots[index])?.OnEvent(e);
    }

    /// <summary>A copy of what is in use, for closing.</summary>
    public OperationSlot[] Snapshot()
    {
        lock (_sync)
            return [.. _slots.OfType<OperationSlot>()];
    }
}
