using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>
/// The reference that the planner is tested against, written the other way round: it knows no strides. It walks the dimensions of
/// each tensor in memory order with nested loops and counts bytes; what the counter says is where an element lies.
/// </summary>
internal sealed class NaiveCache
{
    private readonly INaiveGroup _group;
    private readonly Dictionary<string, int> _indices = [];
    private long _at;

    public NaiveCache(INaiveGroup group)
    {
        _group = group;
        WalkTensors(0);
    }

    /// <summary>Where each element begins.</summary>
    public Dictionary<NaiveElement, KvLocation> Elements { get; } = [];

    /// <summary>The bytes of each tensor.</summary>
    public List<long> TensorBytes { get; } = [];

    private void WalkTensors(int depth)
    {
        if (depth < _group.Tensors.Length)
        {
            var letter = _group.Tensors[depth];
            for (var i = 0; i < _group.Size(letter, 0); i++)
            {
                _indices[letter] = i;
                WalkTensors(depth + 1);
            }
            return;
        }
        _at = 0;
        WalkShared(0);
        TensorBytes.Add(_at);
    }

    private void WalkShared(int depth)
    {
        if (depth == _group.Shared.Length)
        {
            WalkTail(0);
            return;
        }
        var letter = _group.Shared[depth];
        for (var i = 0; i < _group.Size(letter, 0); i++)
        {
            _indices[letter] = i;
            WalkShared(depth + 1);
            if (letter == "B")
                _at = (_at + _group.PageAlign - 1) / _group.PageAlign * _group.PageAlign;
        }
    }

    private void WalkTail(int depth)
    {
        var component = _indices.GetValueOrDefault("P");
        var tail = _group.Tails[component];
        if (depth == tail.Length)
        {
            Elements.Add(Current(component), new KvLocation(TensorBytes.Count, _at));
            _at += _group.ElementBytes[component];
            return;
        }
        for (var i = 0; i < _group.Size(tail[depth], component); i++)
        {
            _indices[tail[depth]] = i;
            WalkTail(depth + 1);
        }
        _indices.Remove(tail[depth]);
    }

    private NaiveElement Current(int component) =>
        new(component, _indices.GetValueOrDefault("L"), _indices["B"], _indices.GetValueOrDefault("H"), Tiled("N"), Tiled("D"));

    private int Tiled(string letter)
    {
        foreach (var (key, value) in _indices)
        {
            if (key.StartsWith(letter + "/", StringComparison.Ordinal))
            {
                var tile = key[2..];
                return value * int.Parse(tile, System.Globalization.CultureInfo.InvariantCulture) + _indices[letter + "%" + tile];
            }
        }
        return _indices.GetValueOrDefault(letter);
    }
}

/// <summary>The name of one element of the cache.</summary>
internal readonly record struct NaiveElement(int Component, int Layer, int Block, int Head, int Entry, int Element);
