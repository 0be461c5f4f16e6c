namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>A range of memory that a test looks at. Its owner outlives every use.</summary>
internal readonly record struct Area(nint Address, int Length)
{
    public unsafe Span<byte> Span => new((void*)Address, Length);

    /// <summary>Every byte differs from its neighbours, so that a shifted copy is seen, too.</summary>
    public void Poison()
    {
        var span = Span;
        for (var i = 0; i < span.Length; i++)
            span[i] = (byte)(0xA5 + 37 * i);
    }
}
