namespace Nixl.Sdk;

/// <summary>Token slots of a pool as block ids. For engines that keep slots per token, like SGLang.</summary>
public static class KvSlots
{
    /// <summary>
    /// The pages that a request's slots lie in. Slots are given in token order; a page is filled from its first slot on and full
    /// before the next begins, so that only the last one may be partly filled. It is moved whole.
    /// </summary>
    /// <param name="slots">The slots of the request's tokens, in token order.</param>
    /// <param name="pageTokens">Slots of one page: the layout's <c>BlockTokens</c>.</param>
    /// <param name="pages">Room for ⌈slots / pageTokens⌉ page ids; these are block ids for a transfer.</param>
    /// <returns>The number of pages.</returns>
    /// <exception cref="ArgumentException">A slot is not the next one of its page, or there is too little room.</exception>
    public static int ToPages(ReadOnlySpan<int> slots, int pageTokens, Span<int> pages)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pageTokens, 1);
        var count = (int)(((long)slots.Length + pageTokens - 1) / pageTokens);
        if (pages.Length < count)
        {
            throw new ArgumentException(
                $"There is room for {pages.Length} pages; {slots.Length} slots are {count} pages of {pageTokens}.", nameof(pages));
        }
        for (var i = 0; i < slots.Length; i++)
        {
            var within = i % pageTokens;
            if (slots[i] < 0 || slots[i] % pageTokens != within || (within > 0 && slots[i] != slots[i - 1] + 1))
            {
                throw new ArgumentException(
                    $"Slot {slots[i]} of token {i} is not slot {within} of a page of {pageTokens}" +
                    (within > 0 ? $" behind slot {slots[i - 1]}" : "") + "; pages are filled in token order.", nameof(slots));
            }
            if (within == 0)
                pages[i / pageTokens] = slots[i] / pageTokens;
        }
        return count;
    }
}
