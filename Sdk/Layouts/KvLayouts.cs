using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>What is worked out once for every layout type. Called by generated code, and by code that is generic over layouts.</summary>
/// <remarks>Thread-safe.</remarks>
public static class KvLayouts
{
    /// <summary>The layout as text: what must be equal on both sides, what may differ, and where everything lies.</summary>
    /// <typeparam name="TLayout">The layout type.</typeparam>
    /// <exception cref="LayoutException">The layout cannot be planned.</exception>
    public static string CanonicalText<TLayout>()
        where TLayout : IKvLayout<TLayout> => Text<TLayout>.Canonical ??= LayoutText.Canonical(TLayout.Schema);

    // Two threads may both work it out; the texts are equal.
    private static class Text<TLayout>
        where TLayout : IKvLayout<TLayout>
    {
        public static string? Canonical;
    }
}
