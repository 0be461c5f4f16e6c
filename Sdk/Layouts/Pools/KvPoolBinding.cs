namespace Nixl.Sdk;

/// <summary>
/// Where an engine's own memory lies, for <see cref="KvPool{TLayout}.Bind"/>. The engine keeps owning it and must keep it alive,
/// and unmoved, until the pool is disposed and its transfers have quiesced.
/// </summary>
/// <param name="Groups">One for each group of the layout, in its order.</param>
public sealed record KvPoolBinding(IReadOnlyList<KvGroupBinding> Groups)
{
    /// <summary>A layout of one group.</summary>
    public static KvPoolBinding Single(params IReadOnlyList<KvTensorBinding> tensors) => new([new KvGroupBinding(tensors)]);
}
