namespace Nixl.Sdk.Planning;

/// <summary>Which of a model's layers a group holds, in the shortest of the forms that a group has for it.</summary>
internal static class LayerNumbering
{
    /// <summary>The group with these layers: first, step and count where they are evenly spaced, else every index.</summary>
    public static KvGroupSchema With(KvGroupSchema group, KvList<int> layers)
    {
        var step = layers.Count < 2 ? 1 : layers[1] - layers[0];
        var even = step >= 1;
        for (var i = 2; i < layers.Count; i++)
            even &= layers[i] - layers[i - 1] == step;
        return group with
        {
            Layers = layers.Count,
            FirstLayer = even && layers.Count > 0 ? layers[0] : 0,
            LayerStep = even ? step : 1,
            LayerIndices = even ? KvList<int>.Empty : layers,
        };
    }

    /// <summary>The layers 0 … <paramref name="count"/>-1 that are not in the list, ascending.</summary>
    public static KvList<int> Others(int count, KvList<int> layers)
    {
        var taken = new HashSet<int>(layers);
        var others = new List<int>();
        for (var layer = 0; layer < count; layer++)
        {
            if (!taken.Contains(layer))
                others.Add(layer);
        }
        return new KvList<int>(others.ToArray());
    }
}
