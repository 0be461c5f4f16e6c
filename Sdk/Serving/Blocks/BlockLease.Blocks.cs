namespace Nixl.Sdk.Serving;

// What a lease does to its blocks. Writers touch those only that did not come out of the prefix cache, readers all.
public sealed partial class BlockLease
{
    private BlockUse _headUse; // of the blocks out of the prefix cache: readers only
    private BlockUse _tailUse; // of the others
    private bool _headReleased;
    private bool _tailReleased;

    // The one place where blocks are marked and given back: from what is open and whether the owner is still there.
    private void Update()
    {
        var use = IsGivenUp || HasExpired ? BlockUse.Quarantined : BlockUse.InFlight;
        var tail = _open.Count > 0 ? use : BlockUse.None;
        var head = _open.Count > _openWrites ? use : BlockUse.None;
        Use(CachedBlocks, _blocks.Length, ref _tailUse, tail);
        Use(0, CachedBlocks, ref _headUse, head);
        // Last block first: of a prefix the end is evicted before the beginning, without which it is worth nothing.
        if (IsGivenUp && tail == BlockUse.None) Release(CachedBlocks, _blocks.Length, ref _tailReleased);
        if (IsGivenUp && head == BlockUse.None) Release(0, CachedBlocks, ref _headReleased);
        if (tail == BlockUse.Quarantined) QuarantinedSince ??= Pool.Now(); // last: a clock may throw
    }

    private void Use(int first, int end, ref BlockUse current, BlockUse wanted)
    {
        if (current == wanted) return;
        for (var i = first; i < end; i++)
        {
            if (current != BlockUse.None) Pool.Table.Mark(_blocks[i], current, -1);
            if (wanted != BlockUse.None) Pool.Table.Mark(_blocks[i], wanted, 1);
        }
        current = wanted;
    }

    private void Release(int first, int end, ref bool released)
    {
        if (released) return;
        released = true;
        for (var i = end - 1; i >= first; i--) Pool.Table.Release(_blocks[i]);
    }

    private void SetContent(BlockContent content)
    {
        if (_content == content) return;
        _content = content;
        for (var i = CachedBlocks; i < _blocks.Length; i++) Pool.Table.SetContent(_blocks[i], content);
    }
}
